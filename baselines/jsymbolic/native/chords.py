"""Features of chords and vertical intervals: C-1 ... C-35."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import (
    distance_of_top_two,
    index_of_largest,
    index_of_second,
    ratio,
    second_to_first,
    weighted_deviation,
    weighted_mean,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]

_DISSONANT = [1, 2, 6, 10, 11]
_CONSONANT = [0, 3, 4, 5, 7, 8, 9]


def _wrapped(piece: Piece) -> FloatArray:
    return piece.sonorities.wrapped_vertical_intervals


def _fraction(*intervals: int) -> Callable[[Piece], float]:
    """Fraction of the vertical intervals that have one of these sizes, octaves apart."""
    sizes = list(intervals)
    return lambda piece: float(_wrapped(piece)[sizes].sum())


def _chords(*types: int) -> Callable[[Piece], float]:
    """Fraction of the chords' time that these types take; numbers as in the histogram."""
    kinds = list(types)
    return lambda piece: float(piece.sonorities.chord_types[kinds].sum())


def _dissonance_ratio(piece: Piece) -> float:
    histogram = _wrapped(piece)
    return ratio(histogram[_DISSONANT].sum(), histogram[_CONSONANT].sum())


def _third_prevalence(semitones: int) -> Callable[[Piece], float]:
    """Fraction of the sounding time with this interval above some pitch, octaves apart."""

    def prevalence(piece: Piece) -> float:
        found = piece.sonorities
        lowest, highest = found.bounds
        has = np.any(np.roll(highest, -semitones, axis=1) > lowest, axis=1, keepdims=True)
        return weighted_mean(has[:, 0].astype(np.int64), found.length)

    return prevalence


def _chord_duration(piece: Piece) -> float:
    """Mean length in quarter notes of chords: the same pitch classes in the same order from below.

    jSymbolic loses the first tick of every chord but the first, and takes the tempo of the very
    first tick for that of all.
    """
    found = piece.sonorities
    lowest = found.bounds[0]
    order = np.where(np.sort(lowest, axis=1) < 128, np.argsort(lowest, axis=1, kind="stable"), -1)
    n_later = int((order[1:] != order[:-1]).any(axis=1).sum())
    ticks = (int(found.length.sum()) - n_later) / (n_later + 1)
    return ratio(ticks * float(piece.tick_seconds.values[0]), piece.quarter_seconds)


FEATURES: dict[str, Feature] = {
    "Vertical Interval Histogram": lambda p: p.sonorities.vertical_intervals,
    "Wrapped Vertical Interval Histogram": _wrapped,
    "Chord Type Histogram": lambda p: p.sonorities.chord_types,
    "Average Number of Simultaneous Pitch Classes": lambda p: weighted_mean(
        p.sonorities.n_pitch_classes, p.sonorities.length
    ),
    "Variability of Number of Simultaneous Pitch Classes": lambda p: weighted_deviation(
        p.sonorities.n_pitch_classes, p.sonorities.length
    ),
    "Average Number of Simultaneous Pitches": lambda p: weighted_mean(
        p.sonorities.n_pitches, p.sonorities.length
    ),
    "Variability of Number of Simultaneous Pitches": lambda p: weighted_deviation(
        p.sonorities.n_pitches, p.sonorities.length
    ),
    "Most Common Vertical Interval": lambda p: index_of_largest(_wrapped(p)),
    "Second Most Common Vertical Interval": lambda p: index_of_second(_wrapped(p)),
    "Distance Between Two Most Common Vertical Intervals": lambda p: distance_of_top_two(
        _wrapped(p)
    ),
    "Prevalence of Most Common Vertical Interval": lambda p: _wrapped(p).max(),
    "Prevalence of Second Most Common Vertical Interval": lambda p: _wrapped(p)[
        index_of_second(_wrapped(p))
    ],
    "Prevalence Ratio of Two Most Common Vertical Intervals": lambda p: second_to_first(
        _wrapped(p)
    ),
    "Vertical Unisons": lambda p: p.sonorities.vertical_intervals[0],
    "Vertical Minor Seconds": _fraction(1),
    "Vertical Thirds": _fraction(3, 4),
    "Vertical Tritones": _fraction(6),
    "Vertical Perfect Fourths": _fraction(5),
    "Vertical Perfect Fifths": _fraction(7),
    "Vertical Sixths": _fraction(8, 9),
    "Vertical Sevenths": _fraction(10, 11),
    "Vertical Octaves": lambda p: _wrapped(p)[0] - p.sonorities.vertical_intervals[0],
    "Perfect Vertical Intervals": _fraction(0, 5, 7),
    "Vertical Dissonance Ratio": _dissonance_ratio,
    "Vertical Minor Third Prevalence": _third_prevalence(3),
    "Vertical Major Third Prevalence": _third_prevalence(4),
    "Chord Duration": _chord_duration,
    "Partial Chords": _chords(0),
    "Standard Triads": _chords(1, 2),
    "Diminished and Augmented Triads": _chords(3, 4),
    "Dominant Seventh Chords": _chords(7),
    "Seventh Chords": _chords(6, 7, 8),
    "Non-Standard Chords": _chords(3, 4, 5, 9, 10),
    "Complex Chords": _chords(10),
    "Minor Major Triad Ratio": lambda p: ratio(*p.sonorities.chord_types[1:3]),
}
