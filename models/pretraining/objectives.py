"""What is learned from music without labels: masked notes, or the next token.

Both compute logits only for the tokens that are asked for, as sums over them, so that a batch may
be cut into micro-batches in any way. Every window is a sequence of its own: nothing is seen across
the border of two pieces, and padding is never chosen.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import nn

from models.batching import Example
from models.multitask import UNKNOWN
from models.pretraining.augmentation import COMPOUND, PERFORMANCE
from models.tokens.compound import MASK, PAD, SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from models.backbones import Backbone
    from models.backbones.midibert import MidiBert
    from models.backbones.midigpt import MidiGpt
    from models.batching import MicroBatch
    from models.pretraining.augmentation import Words

    IntArray = NDArray[np.int64]

_TARGET = "original"
#: Of the chosen notes, how many become the mask's word, and how many another note.
_SHARE_MASKED, _SHARE_REPLACED = 0.8, 0.1
_INITIAL_STD = 0.02  # of weights, as in BERT


class Objective(nn.Module, ABC):
    """A backbone with what it is pre-trained by."""

    title: ClassVar[str]  # for cards
    words: ClassVar[Words]  # what its tokens are
    extra: ClassVar[int] = 0  # tokens of a window more than the backbone reads
    backbone: Backbone

    @abstractmethod
    def examples(self, windows: Sequence[IntArray], random: np.random.Generator) -> list[Example]:
        """Windows of tokens, shape (n_tokens, columns), as inputs and targets."""

    @abstractmethod
    def loss_sum(self, batch: MicroBatch) -> Tensor:
        """The loss, summed over the batch's targets."""


class MaskedNotes(Objective):
    """MidiBERT-Piano's masked language model.

    `share` of a sequence's notes, in the public code 15 %, are chosen. Of these 80 % are masked,
    10 % replaced by a random note, and 10 % stay; all four parts of a note share that fate. A
    linear layer names the four parts of each chosen note. Its loss is the mean of the four
    cross-entropies, weighted by the sizes of the vocabularies: sum(n_i CE_i) / sum(n_i). Unlike the
    public code, which draws one set of positions for a whole batch, padding included, each sequence
    has its own; and a random note is never the word for padding or masking.
    """

    title = "masked notes"
    words = COMPOUND
    backbone: MidiBert

    def __init__(self, backbone: MidiBert, share: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.share = share
        self.head = nn.Linear(backbone.width, sum(SIZES))
        nn.init.normal_(self.head.weight, std=_INITIAL_STD)
        nn.init.zeros_(self.head.bias)

    def examples(self, windows: Sequence[IntArray], random: np.random.Generator) -> list[Example]:
        """See `Objective`."""
        return [self._example(i, window, random) for i, window in enumerate(windows)]

    def _example(self, i: int, window: IntArray, random: np.random.Generator) -> Example:
        count = max(round(self.share * len(window)), 1)
        chosen = random.permutation(len(window))[:count]
        n_masked = round(_SHARE_MASKED * count)
        n_replaced = round(_SHARE_REPLACED * count)
        masked, replaced = chosen[:n_masked], chosen[n_masked : n_masked + n_replaced]
        tokens = window.copy()
        tokens[masked] = MASK
        # In each part, the word for padding is the first after the words of music.
        tokens[replaced] = random.integers(0, PAD, (len(replaced), len(PAD)))
        targets = np.full_like(window, UNKNOWN)
        targets[chosen] = window[chosen]
        return Example(i, tokens, {_TARGET: targets})

    def loss_sum(self, batch: MicroBatch) -> Tensor:
        """See `Objective`."""
        targets = batch.targets[_TARGET]
        chosen = torch.nonzero(targets[:, 0] != UNKNOWN)[:, 0]
        hidden = self.backbone.rows(batch.tokens, batch.blocks)
        logits = self.head(hidden[batch.real[chosen]]).float()
        wanted = targets[chosen]
        total: Tensor = logits.new_zeros(())
        for column, (size, part) in enumerate(zip(SIZES, logits.split(SIZES, dim=1), strict=True)):
            loss = nn.functional.cross_entropy(part, wanted[:, column], reduction="sum")
            total = total + size / sum(SIZES) * loss
        return total


class NextToken(Objective):
    """GPT-2's language model: every token but the first is predicted from those before it.

    As in GPT-2, the word embeddings are the output layer, too.
    """

    title = "next token"
    words = PERFORMANCE
    extra = 1  # it reads all tokens but the last, and predicts all but the first
    backbone: MidiGpt

    def __init__(self, backbone: MidiGpt) -> None:
        super().__init__()
        self.backbone = backbone

    def examples(self, windows: Sequence[IntArray], random: np.random.Generator) -> list[Example]:
        """See `Objective`."""
        del random
        return [
            Example(i, window[:-1, 0], {_TARGET: window[1:, 0]}) for i, window in enumerate(windows)
        ]

    def loss_sum(self, batch: MicroBatch) -> Tensor:
        """See `Objective`."""
        hidden = self.backbone.rows(batch.tokens, batch.blocks)
        logits = nn.functional.linear(hidden[batch.real], self.backbone.words.weight)
        return nn.functional.cross_entropy(logits.float(), batch.targets[_TARGET], reduction="sum")


def n_targets(examples: Sequence[Example]) -> int:
    """How many tokens' losses a batch's sum is made of."""
    return sum(
        int(np.count_nonzero(target.reshape(len(target), -1)[:, 0] != UNKNOWN))
        for example in examples
        for target in map(np.asarray, example.targets.values())
    )
