"""How voices move against each other, from sonority to sonority."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.sonorities import Sonorities

    IntArray = NDArray[np.int64]

#: Ticks jSymbolic looks ahead for a sonority of as many pitches, silence not counted. Whatever the
#: file's resolution, and not within the last ones of the piece.
_TOLERANCE = 150


class Motion(NamedTuple):
    """Fractions of all movements of two voices; all zero where nothing moves."""

    parallel: float
    similar: float
    contrary: float
    oblique: float
    parallel_fifths: float
    parallel_octaves: float


def motion(sonorities: Sonorities) -> Motion:
    """Compare the pitches of each sonority, from below, with those of the next of equal size."""
    counts = np.zeros(6, dtype=np.int64)
    before, after = _transitions(sonorities)
    size = sonorities.n_pitches[before]
    for voices in set(size.tolist()) - {1}:
        old, new = (_pitches(sonorities, rows[size == voices]) for rows in (before, after))
        counts += _count(old, new)
    total = counts[:4].sum()
    return Motion(*(counts / total if total else np.zeros(6)).tolist())


def _transitions(sonorities: Sonorities) -> tuple[IntArray, IntArray]:
    """Rows between which pitches move, before and after.

    Where the number of pitches changes, the first sonority within the tolerance that has the old
    number again comes next; if there is none, nothing moves.
    """
    sizes = sonorities.n_pitches.tolist()
    ends = np.cumsum(sonorities.length)
    starts = (ends - sonorities.length).tolist()
    last_look = int(ends[-1]) - _TOLERANCE - 1 if len(ends) else 0
    pairs: list[tuple[int, int]] = []
    previous, row = 0, 1
    while row < len(sizes):
        found = row
        if sizes[row] != sizes[previous]:
            horizon = starts[row] + _TOLERANCE if starts[row] < last_look else -1
            while found < len(sizes) and starts[found] < horizon:
                if sizes[found] == sizes[previous]:
                    break
                found += 1
            else:
                found = -1
        if found >= 0:
            pairs.append((previous, found))
            row = found
        previous, row = row, row + 1
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _pitches(sonorities: Sonorities, rows: IntArray) -> IntArray:
    """Sounding pitches of rows of one size, shape (n_rows, size), from below."""
    columns = np.nonzero(sonorities.present[rows])[1]
    return sonorities.pitches[columns].reshape(len(rows), -1)


def _count(old: IntArray, new: IntArray) -> IntArray:
    """The six kinds of movement among all pairs of voices, in the order of `Motion`."""
    below, above = np.triu_indices(old.shape[1], 1)
    step = new - old
    low, high = step[:, below], step[:, above]
    product = low * high
    alike = (low == high) & (low != 0)
    interval = (new[:, above] - new[:, below])[alike]
    return np.array(
        [
            alike.sum(),
            (product > 0).sum() - alike.sum(),
            (product < 0).sum(),
            ((low == 0) != (high == 0)).sum(),
            (interval == 7).sum(),
            (interval == 12).sum(),
        ]
    )
