"""Distributions of pitch classes, intervals and durations.

After the functions of those names in MIDI Toolbox 1.1 (Eerola & Toiviainen 2004).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.toolbox.melody import IntArray, Notes
    from bench.methods import FloatArray

_OCTAVE = 12
_DURATION_BINS = 9


def duraccent(seconds: FloatArray) -> FloatArray:
    """Durational accent (Parncutt 1994, Music Perception 11, pp. 430-431), same shape, 0..1.

    Saturates with a time constant of half a second; an accent index of 2.
    """
    return (1 - np.exp(-seconds / 0.5)) ** 2


def entropy(distribution: FloatArray) -> float:
    """Entropy relative to that of a uniform distribution, 0..1; 0 for an empty one."""
    flat = distribution.ravel()
    p = flat[flat > 0] / max(flat.sum(), np.finfo(float).tiny)
    return float(-(p * np.log(p)).sum() / np.log(flat.size)) if len(p) else 0.0


def pcdist1(notes: Notes) -> FloatArray:
    """Pitch classes C..B weighted by durational accent, shape (12,)."""
    return _share(np.bincount(notes.pitch % 12, duraccent(notes.seconds), minlength=12))


def pcdist2(melody: Notes) -> FloatArray:
    """Pairs of successive pitch classes weighted by both accents, shape (12, 12)."""
    weight = duraccent(melody.seconds)
    return _pairs(melody.pitch % 12, 12, weight[:-1] * weight[1:])


def ivdist1(melody: Notes) -> FloatArray:
    """Intervals from an octave down to an octave up, shape (25,), weighted by both notes' accents.

    Larger intervals are left out.
    """
    weight = duraccent(melody.seconds)
    interval = np.diff(melody.pitch)
    near = np.abs(interval) <= _OCTAVE
    weights = (weight[:-1] + weight[1:])[near]
    return _share(np.bincount(interval[near] + _OCTAVE, weights, minlength=25))


def ivdist2(melody: Notes) -> FloatArray:
    """Pairs of successive intervals within the octave, shape (25, 25).

    Weighted by the product of the three notes' accents. Toolbox 1.1's own code folds wider
    intervals into the octave and weights by the sum of two accents; here, as in `ivdist1`,
    what is wider than an octave does not count.
    """
    weight = duraccent(melody.seconds)
    interval = np.diff(melody.pitch)
    near = np.abs(interval) <= _OCTAVE
    both = near[:-1] & near[1:]
    product = weight[:-2] * weight[1:-1] * weight[2:]
    return _share(_count_pairs(interval + _OCTAVE, 25, np.where(both, product, 0), both))


def ivdirdist1(melody: Notes) -> FloatArray:
    """Upward surplus of each interval size from minor second to octave, shape (12,), -1..1.

    (upward - downward) / (upward + downward); 0 for a size that does not occur.
    """
    intervals = ivdist1(melody)
    up, down = intervals[13:], intervals[11::-1]
    return np.divide(up - down, up + down, out=np.zeros(12), where=up + down > 0)


def ivsizedist1(melody: Notes) -> FloatArray:
    """Interval sizes from unison to octave, shape (13,)."""
    intervals = ivdist1(melody)
    return np.append(intervals[12], intervals[13:] + intervals[11::-1])


def durdist1(notes: Notes) -> FloatArray:
    """Durations in half-octave bins centred on 1/4, sqrt(2)/4, 1/2 ... 4 beats, shape (9,).

    Notes outside the bins are left out.
    """
    return _share(np.bincount(_duration_bins(notes), minlength=_DURATION_BINS))


def durdist2(melody: Notes) -> FloatArray:
    """Pairs of successive durations, in the bins of `durdist1`, shape (9, 9).

    As in Toolbox 1.1's own code, notes outside the bins are left out first: the note before one
    of them makes a pair with the note after it.
    """
    bins = _duration_bins(melody)
    return _pairs(bins, _DURATION_BINS, np.ones(max(len(bins) - 1, 0)))


def _duration_bins(notes: Notes) -> IntArray:
    bins = np.round(2 * np.log2(notes.duration)).astype(np.int64) + 4
    return bins[(bins >= 0) & (bins < _DURATION_BINS)]


def _pairs(symbols: IntArray, n: int, weights: FloatArray) -> FloatArray:
    return _share(_count_pairs(symbols, n, weights, np.ones(len(weights), dtype=np.bool_)))


def _count_pairs(
    symbols: IntArray, n: int, weights: FloatArray, use: NDArray[np.bool_]
) -> FloatArray:
    pair = symbols[:-1] * n + symbols[1:]
    counts = np.bincount(pair[use], weights[use], minlength=n * n)
    return counts.astype(np.float64).reshape(n, n)


def _share(counts: FloatArray | IntArray) -> FloatArray:
    """Counts as parts of their sum; zeros where there is nothing."""
    total = counts.sum()
    return counts / total if total > 0 else np.zeros(counts.shape)
