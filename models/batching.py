"""From examples to rows of tokens, with hardly any padding.

An optimiser step takes the paper's batch, 16 examples. Within it, examples are sorted by length,
cut into micro-batches that fit in memory, and laid one under the other; each is padded to the next
of a few lengths, and those of one length make a block. Losses are sums divided by the whole
batch's counts, so the gradients of the micro-batches add up to those of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from models.attention import Block
from models.multitask import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence of tokens with what is known about it.

    `targets` maps a task to the sequence's class, or to its tokens' classes, shape (n_tokens,);
    `UNKNOWN` (-1) where there is none.
    """

    clip: int  # the position of its clip among those it was made from
    tokens: IntArray  # shape (n_tokens >= 1,) or (n_tokens, parts of a token)
    targets: Mapping[str, int | IntArray]

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Packing:
    """How much goes through the network at once.

    Another value draws other dropout masks: raise the methods' `version`.
    """

    max_rows: int = 8192  # tokens in a micro-batch (or one longer example), without the padding
    multiple: int = 64  # examples are padded to a multiple of this many tokens
    longest: int | None = None  # but not beyond what the backbone has positions for

    @classmethod
    def for_device(cls, device: torch.device, longest: int | None = None) -> Packing:
        """What suits a device.

        Products of a shape not met before cost about a millisecond more on the CPU, for the code
        that oneDNN writes for each shape; so shapes come back. On a GPU attention works in tiles of
        64 tokens, so padding to 64 is free, and a whole optimiser step fits in memory.
        """
        return cls(max_rows=8192 if device.type == "cpu" else 65536, longest=longest)

    def padded(self, length: int) -> int:
        """The length that an example of this one is padded to."""
        padded = -(-length // self.multiple) * self.multiple
        return padded if self.longest is None else max(length, min(padded, self.longest))


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Examples as rows of tokens."""

    order: list[int]  # which example each sequence is, as positions in the given ones
    tokens: Tensor  # (n_rows,) or (n_rows, parts)
    blocks: list[Block]
    last: Tensor  # (n_sequences,): the row of each sequence's last token
    real: Tensor  # (n_tokens,): the rows that are not padding
    targets: dict[str, Tensor]  # of sequences (n_sequences,) or of tokens (n_tokens,)

    def to(self, device: torch.device) -> MicroBatch:
        """The same on another device."""
        if device.type == "cpu":
            return self

        def moved(tensor: Tensor) -> Tensor:
            return tensor.pin_memory().to(device, non_blocking=True)

        return MicroBatch(
            self.order,
            moved(self.tokens),
            [
                Block(block.batch, block.length, None if block.mask is None else moved(block.mask))
                for block in self.blocks
            ],
            moved(self.last),
            moved(self.real),
            {task: moved(target) for task, target in self.targets.items()},
        )


def micro_batches(examples: Sequence[Example], packing: Packing) -> Iterator[MicroBatch]:
    """All examples, longest first, in as few micro-batches as fit."""
    order = sorted(range(len(examples)), key=lambda i: -len(examples[i]))
    chosen: list[int] = []
    n_rows = 0
    for i in order:
        rows = len(examples[i])
        if chosen and n_rows + rows > packing.max_rows:
            yield _lay_out(examples, chosen, packing)
            chosen, n_rows = [], 0
        chosen.append(i)
        n_rows += rows
    if chosen:
        yield _lay_out(examples, chosen, packing)


def shuffled_batches(
    examples: Sequence[Example], size: int, generator: torch.Generator
) -> Iterator[list[Example]]:
    """One epoch: every example once, in random batches of `size`; the last may be smaller."""
    order = torch.randperm(len(examples), generator=generator).tolist()
    for start in range(0, len(order), size):
        yield [examples[i] for i in order[start : start + size]]


def label_counts(examples: Sequence[Example]) -> dict[str, int]:
    """How many labels each task has in a batch: what its summed loss is divided by."""
    counts: dict[str, int] = {}
    for example in examples:
        for task, target in example.targets.items():
            known = int(np.count_nonzero(np.asarray(target) != UNKNOWN))
            counts[task] = counts.get(task, 0) + known
    return counts


def _lay_out(examples: Sequence[Example], order: list[int], packing: Packing) -> MicroBatch:
    """Rows for examples given longest first."""
    rows, blocks, last, real = [], [], [], []
    start = 0
    for length, group in groupby(order, lambda i: packing.padded(len(examples[i]))):
        members = [examples[i] for i in group]
        lengths = np.array([len(member) for member in members])
        tokens = np.zeros((len(members), length, *members[0].tokens.shape[1:]), dtype=np.int64)
        mask = np.arange(length) < lengths[:, None]
        for row, member in zip(tokens, members, strict=True):
            row[: len(member)] = member.tokens
        rows.append(tokens.reshape(-1, *tokens.shape[2:]))
        blocks.append(Block(len(members), length, None if mask.all() else torch.from_numpy(mask)))
        last.append(start + np.arange(len(members)) * length + lengths - 1)
        real.append(start + np.flatnonzero(mask))
        start += mask.size
    targets = {
        task: torch.from_numpy(
            np.concatenate([np.atleast_1d(examples[i].targets[task]) for i in order]).astype(
                np.int64
            )
        )
        for task in examples[order[0]].targets
    }
    return MicroBatch(
        order=order,
        tokens=torch.from_numpy(np.concatenate(rows)),
        blocks=blocks,
        last=torch.from_numpy(np.concatenate(last)),
        real=torch.from_numpy(np.concatenate(real)),
        targets=targets,
    )
