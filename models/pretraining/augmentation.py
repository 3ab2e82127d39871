"""More music from the same: transposition and time-stretch, drawn anew for each window.

Transposition moves all notes of a window by a number of semitones, drawn evenly from those within
the limit that keep every note in the vocabulary's range. Nothing is folded or lost.

Time-stretch multiplies time by a factor, drawn so that its logarithm is even between those of
1 / limit and limit. For performance tokens that is what it sounds like: waits and durations, in
units of 62.5 ms, are multiplied and rounded. Compound words know beats, not seconds, and another
tempo changes none of them. In performances and transcriptions, though, ticks *are* time and the
beats are the file's pretence (all of EMOPIA is "120 bpm"). So there the notes are laid out on the
grid of bars that the same playing at another speed would have had. For scores and beat-tracked
files that changes the metre: leave it off for these.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UserError
from models.tokens.compound import PAD
from models.tokens.performance import VOCABULARY, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

_BAR, _POSITION, _PITCH, _DURATION = range(4)
_POSITIONS_PER_BAR = 16
_NEW_BAR, _SAME_BAR = 0, 1


@dataclass(frozen=True, slots=True)
class Words:
    """How the tokens of one vocabulary are changed, arrays (n_tokens, parts of a token).

    Stretched tokens may be fewer than before.
    """

    transposed: Callable[[IntArray, int, np.random.Generator], IntArray]  # by at most so much
    stretched: Callable[[IntArray, float], IntArray]  # by this factor


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far a window may be changed; by default not at all."""

    transpose: int = 0  # semitones, up or down
    stretch: float = 1.0  # times longer or shorter

    def __post_init__(self) -> None:
        """Check the limits.

        Raises:
            UserError: one of them makes no sense.
        """
        if not 0 <= self.transpose <= 12:
            raise UserError(f"--transpose {self.transpose}: 0 to 12 semitones are possible")
        if not 1 <= self.stretch <= 2:
            raise UserError(f"--stretch {self.stretch}: 1 to 2 is possible; 1.1 is 10 % either way")

    def apply(self, tokens: IntArray, words: Words, random: np.random.Generator) -> IntArray:
        """A changed copy of tokens, shape (n_tokens, parts of a token)."""
        if self.transpose:
            tokens = words.transposed(tokens, self.transpose, random)
        if self.stretch > 1:
            tokens = words.stretched(tokens, self.stretch ** random.uniform(-1, 1))
        return tokens


def _shift(lowest: int, highest: int, end: int, limit: int, random: np.random.Generator) -> int:
    """Semitones within the limit that keep lowest..highest in 0..end-1."""
    return int(random.integers(max(-limit, -lowest), min(limit, end - 1 - highest) + 1))


def _transposed_compound(tokens: IntArray, limit: int, random: np.random.Generator) -> IntArray:
    pitch = tokens[:, _PITCH]
    result = tokens.copy()
    result[:, _PITCH] += _shift(int(pitch.min()), int(pitch.max()), PAD[_PITCH], limit, random)
    return result


def _stretched_compound(tokens: IntArray, factor: float) -> IntArray:
    result = tokens.copy()
    bar = np.cumsum(tokens[:, _BAR] == _NEW_BAR)
    bar -= bar[0]
    onset = np.rint((_POSITIONS_PER_BAR * bar + tokens[:, _POSITION]) * factor).astype(np.int64)
    bar, result[:, _POSITION] = np.divmod(onset, _POSITIONS_PER_BAR)
    result[1:, _BAR] = np.where(np.diff(bar) > 0, _NEW_BAR, _SAME_BAR)
    duration = np.rint((tokens[:, _DURATION] + 1) * factor).astype(np.int64) - 1
    result[:, _DURATION] = np.clip(duration, 0, PAD[_DURATION] - 1)
    return result


@cache
def _values(letter: str) -> NDArray[Any]:
    """The number in each word that begins with `letter`, by id; -1 for other words."""
    return np.array([int(w[2:]) if w.startswith(f"{letter}_") else -1 for w in VOCABULARY])


@cache
def _ids(letter: str) -> NDArray[Any]:
    """The id of the word with each number; the inverse of `_values`."""
    values = _values(letter)
    table = np.full(values.max() + 1, -1)
    for value in values[values >= 0]:
        table[value] = ids([f"{letter}_{value}"])[0]
    return table


def _transposed_performance(tokens: IntArray, limit: int, random: np.random.Generator) -> IntArray:
    pitch = _values("n")[tokens[:, 0]]
    notes = pitch >= 0
    if not notes.any():
        return tokens
    table = _ids("n")
    lowest = int(np.flatnonzero(table >= 0)[0])
    heard = pitch[notes] - lowest
    shift = _shift(int(heard.min()), int(heard.max()), len(table) - lowest, limit, random)
    result = tokens.copy()
    result[notes, 0] = table[pitch[notes] + shift]
    return result


def _stretched_performance(tokens: IntArray, factor: float) -> IntArray:
    duration = _values("d")[tokens[:, 0]]
    stated = np.flatnonzero(duration >= 0)
    table = _ids("d")
    stretched = np.clip(np.rint(duration[stated] * factor).astype(np.int64), 1, len(table) - 1)
    result = tokens.copy()
    result[stated, 0] = table[stretched]
    again = stated[1:][np.diff(stretched) == 0]  # a duration is stated where it changes
    return np.delete(result, again, axis=0)


COMPOUND = Words(_transposed_compound, _stretched_compound)
PERFORMANCE = Words(_transposed_performance, _stretched_performance)
