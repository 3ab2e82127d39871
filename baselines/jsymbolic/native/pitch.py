"""Features of pitch: P-1 ... P-41."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import (
    deviation,
    distance_of_top_two,
    index_of_largest,
    kurtosis,
    mean,
    ratio,
    second_to_first,
    skewness,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

_COMMON = 0.09  # of all notes
_COMMON_PITCH_CLASS = 0.2
_FIFTHS = 7 * np.arange(12) % 12  # the pitch class at each place of the circle of fifths
_BASS, _MIDDLE, _HIGH = slice(0, 55), slice(55, 73), slice(73, 128)


def _from_most_common(piece: Piece) -> FloatArray:
    histogram = piece.pitch_class_histogram
    return np.roll(histogram, -index_of_largest(histogram))


def _fifths(piece: Piece) -> FloatArray:
    return piece.pitch_class_histogram[_FIFTHS]


def _pitch_classes(piece: Piece) -> IntArray:
    return piece.closed_pitched.pitch % 12


def _folded_pitch_classes(piece: Piece) -> IntArray:
    return 7 * piece.closed_pitched.pitch % 12


def _range(piece: Piece) -> float:
    pitch = piece.pitched.pitch
    return float(np.ptp(pitch)) if len(pitch) else 0.0


def _longest_run(flags: BoolArray) -> int:
    """Length of the longest run of True in a circle."""
    if flags.all():
        return len(flags)
    ends = np.flatnonzero(~np.append(flags, flags))
    return int(np.diff(ends).max()) - 1


def _isolated_peaks(histogram: FloatArray) -> int:
    before, after = np.roll(histogram, 1), np.roll(histogram, -1)
    return int(((histogram >= _COMMON) & (histogram > before) & (histogram > after)).sum())


def _mean_pitch(piece: Piece) -> float:
    """Mean of the channels' means, each cut to an integer, weighted by their notes."""
    table = piece.channels
    n_notes = table.n_notes[table.pitched]
    return (
        float(np.average(table.mean_pitch[table.pitched], weights=n_notes)) if len(n_notes) else 0.0
    )


def _lowest_pitch_of(piece: Piece, row: int) -> int:
    """The lowest pitch of one sonority: row 0 is the first, -1 the last; 0 if there is none."""
    found = piece.sonorities
    return int(found.pitches[found.present[row].argmax()]) if len(found.ticks) else 0


def _is_minor(piece: Piece) -> float:
    keys = piece.midi.key_signatures
    return float(len(keys) > 0 and keys["minor"][0] == 1)


def _fraction_bent(piece: Piece, qualifies: Callable[[IntArray], bool]) -> float:
    """Groups of pitch bends that qualify, relative to the pitched notes."""
    return ratio(sum(map(qualifies, piece.pitch_bends)), len(piece.pitched))


def _bend_range(piece: Piece) -> float:
    return mean(np.array([np.abs(64 - bends).max() for bends in piece.pitch_bends]))


def _is_vibrato(bends: IntArray) -> bool:
    """Three changes of side or more, each bend compared with the *first* of its note."""
    side = np.sign(bends - bends[0])
    side = side[side != 0]
    return int((np.diff(side) != 0).sum()) > 2


FEATURES: dict[str, Feature] = {
    "Basic Pitch Histogram": lambda p: p.pitch_histogram,
    "Pitch Class Histogram": _from_most_common,
    "Folded Fifths Pitch Class Histogram": _fifths,
    "Number of Pitches": lambda p: float(np.count_nonzero(p.pitch_histogram)),
    "Number of Pitch Classes": lambda p: float(np.count_nonzero(p.pitch_class_histogram)),
    "Number of Common Pitches": lambda p: (p.pitch_histogram >= _COMMON).sum(),
    "Number of Common Pitch Classes": lambda p: (
        p.pitch_class_histogram >= _COMMON_PITCH_CLASS
    ).sum(),
    "Range": _range,
    "Importance of Bass Register": lambda p: p.pitch_histogram[_BASS].sum(),
    "Importance of Middle Register": lambda p: p.pitch_histogram[_MIDDLE].sum(),
    "Importance of High Register": lambda p: p.pitch_histogram[_HIGH].sum(),
    "Dominant Spread": lambda p: _longest_run(_fifths(p) >= _COMMON),
    "Strong Tonal Centres": lambda p: _isolated_peaks(_fifths(p)),
    "Mean Pitch": _mean_pitch,
    "Mean Pitch Class": lambda p: mean(_pitch_classes(p)),
    "Most Common Pitch": lambda p: index_of_largest(p.pitch_histogram),
    "Most Common Pitch Class": lambda p: index_of_largest(p.pitch_class_histogram),
    "Prevalence of Most Common Pitch": lambda p: p.pitch_histogram.max(),
    "Prevalence of Most Common Pitch Class": lambda p: p.pitch_class_histogram.max(),
    "Relative Prevalence of Top Pitches": lambda p: second_to_first(p.pitch_histogram),
    "Relative Prevalence of Top Pitch Classes": lambda p: second_to_first(p.pitch_class_histogram),
    "Interval Between Most Prevalent Pitches": lambda p: distance_of_top_two(p.pitch_histogram),
    "Interval Between Most Prevalent Pitch Classes": lambda p: distance_of_top_two(
        p.pitch_class_histogram
    ),
    "Pitch Variability": lambda p: deviation(p.closed_pitched.pitch),
    "Pitch Class Variability": lambda p: deviation(_pitch_classes(p)),
    "Pitch Class Variability After Folding": lambda p: deviation(_folded_pitch_classes(p)),
    "Pitch Skewness": lambda p: skewness(p.closed_pitched.pitch),
    "Pitch Class Skewness": lambda p: skewness(_pitch_classes(p)),
    "Pitch Class Skewness After Folding": lambda p: skewness(_folded_pitch_classes(p)),
    "Pitch Kurtosis": lambda p: kurtosis(p.closed_pitched.pitch),
    "Pitch Class Kurtosis": lambda p: kurtosis(_pitch_classes(p)),
    "Pitch Class Kurtosis After Folding": lambda p: kurtosis(_folded_pitch_classes(p)),
    "Major or Minor": _is_minor,
    "First Pitch": lambda p: _lowest_pitch_of(p, 0),
    "First Pitch Class": lambda p: _lowest_pitch_of(p, 0) % 12,
    "Last Pitch": lambda p: _lowest_pitch_of(p, -1),
    "Last Pitch Class": lambda p: _lowest_pitch_of(p, -1) % 12,
    "Glissando Prevalence": lambda p: _fraction_bent(p, lambda bends: len(bends) > 0),
    "Average Range of Glissandos": _bend_range,
    "Vibrato Prevalence": lambda p: _fraction_bent(p, _is_vibrato),
    "Microtone Prevalence": lambda p: _fraction_bent(p, lambda bends: len(bends) == 1),
}
