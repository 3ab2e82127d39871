"""Which rows make up sequences, and so see each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Block:
    """`batch` sequences of `length` rows each; all rows of a block follow one another.

    `mask`, of shape (batch, length), says which rows are seen as keys; None: all. Causal attention
    needs none against padding on the right, and ignores it.
    """

    batch: int
    length: int
    mask: Tensor | None = None

    @property
    def n_rows(self) -> int:
        """Rows of this block, padding included."""
        return self.batch * self.length

    @cached_property  # every layer asks
    def lengths(self) -> list[int] | None:
        """How many rows of each sequence are seen, if they are its first; None if not."""
        if self.mask is None:
            return [self.length] * self.batch
        lengths = self.mask.sum(1)
        padded_right = torch.equal(self.mask, torch.arange(self.length) < lengths[:, None])
        return lengths.tolist() if padded_right else None


def spans(blocks: Sequence[Block]) -> Iterator[tuple[slice, Block]]:
    """Each block with its rows."""
    start = 0
    for block in blocks:
        yield slice(start, start + block.n_rows), block
        start += block.n_rows


def reach(table: Tensor) -> int:
    """The distances -(reach - 1)..reach - 1 have a vector in the table."""
    return len(table) // 2 + 1


def check_reach(table: Tensor, longest: int) -> None:
    """Check that a table of distances suffices for the longest sequence.

    Raises:
        ValueError: a distance has no vector.
    """
    if longest > reach(table):
        raise ValueError(f"{longest} rows, but distances of fewer than {reach(table)}")


def check_shapes(qkv: Tensor, table: Tensor | None, blocks: Sequence[Block], heads: int) -> None:
    """Check the arguments of attention against each other.

    Raises:
        ValueError: they do not fit; says which.
    """
    n_rows, width = sum(block.n_rows for block in blocks), qkv.shape[1]
    size = width // 3 // heads
    if n_rows != len(qkv):
        raise ValueError(f"{len(qkv)} rows, but blocks of {n_rows}")
    if width % (3 * heads):
        raise ValueError(f"{width} columns are not queries, keys and values of {heads} heads")
    if table is not None:
        check_reach(table, max(block.length for block in blocks))
        if table.shape[1] != size:
            raise ValueError(f"distances of {table.shape[1]} values, heads of {size}")
