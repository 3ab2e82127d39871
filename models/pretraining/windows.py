"""Which stretch of which piece comes when: an endless order that needs no memory of its past.

A piece of n tokens has ceil(n / length) windows an epoch; each starts at a random place in its own
share of the piece, so that every epoch cuts differently. In a piece longer than a window, tokens
are heard about equally often, except those within a window's length of either end: the nearer they
lie to it, the fewer windows hold them. All windows of an epoch come in random order. Window i of a
run is a function of the seed and i alone: a run that goes on after a kill draws what it would have
drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.pretraining.pieces import Pieces

    Tokens = NDArray[np.uint16]

_ROUNDS = 4


@dataclass(frozen=True)
class Windows:
    """Windows of at most `length` tokens over some pieces."""

    pieces: Pieces
    length: int
    seed: int

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """How many windows an epoch has up to each piece."""
        return np.cumsum(-(-self.pieces.lengths // self.length))

    def __len__(self) -> int:
        """Windows of one epoch."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def read(self, index: int) -> Tokens:
        """Window `index`, counted from the start of the run; shape (n_tokens, columns)."""
        epoch, position = divmod(index, len(self))
        window = shuffled(position, len(self), (self.seed, epoch))
        return self._cut(window, _fraction(self.seed, epoch, window))

    def spread(self, at_most: int) -> list[Tokens]:
        """At most so many windows, evenly over all pieces, always the same."""
        count = min(at_most, len(self))
        return [self._cut(i * len(self) // count, 0.5) for i in range(count)]

    def _cut(self, window: int, fraction: float) -> Tokens:
        piece = int(np.searchsorted(self._ends, window, side="right"))
        n_tokens = int(self.pieces.lengths[piece])
        n_windows = -(-n_tokens // self.length)
        k = n_windows - int(self._ends[piece] - window)
        starts = max(n_tokens - self.length, 0) + 1
        start = int((k + fraction) * starts / n_windows)
        return self.pieces.read(piece, start, min(self.length, n_tokens))


def shuffled(position: int, n: int, key: Sequence[int]) -> int:
    """Where `position` of 0..n-1 goes in the random permutation that `key` names.

    A Feistel network over the next even power of two, walked until it falls below n. It never
    holds the permutation, which for a large corpus would be the largest thing in memory.
    """
    half = max((n - 1).bit_length() + 1, 2) // 2
    mask = (1 << half) - 1
    keys = np.random.SeedSequence(tuple(key)).generate_state(_ROUNDS, np.uint64).tolist()
    while True:
        left, right = position >> half, position & mask
        for round_key in keys:
            left, right = right, left ^ (_mixed(right ^ round_key) & mask)
        position = left << half | right
        if position < n:
            return position


def _mixed(value: int) -> int:
    """SplitMix64's finaliser (Steele et al. 2014)."""
    value &= 0xFFFF_FFFF_FFFF_FFFF
    value = (value ^ value >> 30) * 0xBF58_476D_1CE4_E5B9 & 0xFFFF_FFFF_FFFF_FFFF
    value = (value ^ value >> 27) * 0x94D0_49BB_1331_11EB & 0xFFFF_FFFF_FFFF_FFFF
    return value ^ value >> 31


def _fraction(*key: int) -> float:
    return float(np.random.SeedSequence(key).generate_state(1)[0]) / 2**32
