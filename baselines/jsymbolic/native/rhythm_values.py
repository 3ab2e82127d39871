"""Rhythmic values: note lengths taken to the nearest note value, R-13 ... R-40."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import (
    deviation,
    index_of_largest,
    index_of_second,
    kurtosis,
    mean,
    median,
    normalised,
    skewness,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

#: From a thirty-second note to a dotted double whole note, in quarter notes.
VALUES = np.array([1 / 8, 1 / 4, 1 / 2, 3 / 4, 1, 3 / 2, 2, 3, 4, 6, 8, 12])
_COMMON = 0.15  # fraction of all notes from which a value counts as common


@dataclass(frozen=True, slots=True, eq=False)
class RhythmicValues:
    """The notes of a piece as rhythmic values, percussion included."""

    histogram: FloatArray  # shape (12,): fraction of the notes at each of VALUES
    quarters: FloatArray  # shape (n_notes,), in quarter notes, sorted
    offsets: FloatArray  # shape (n_notes,): distance of the length from the value, in quarter notes
    runs: IntArray  # shape (n_runs,): numbers of notes of one value in a row, track and channel
    run_values: IntArray  # shape (n_runs,): the value of each run, an index of VALUES


def rhythmic_values(piece: Piece) -> RhythmicValues:
    """Quantise all notes of a piece; whole ticks throughout, as in the program."""
    ticks_per_beat = piece.midi.ticks_per_beat
    centres = (VALUES * ticks_per_beat).astype(np.int64)
    bounds = centres[:-1] + np.diff(centres) // 2
    duration = piece.notes.duration
    value = np.searchsorted(bounds, duration, side="right")
    counts = np.bincount(value, minlength=len(VALUES))
    order, line = piece.lines
    lined = value[order]
    starts = np.flatnonzero(np.append(True, (np.diff(lined) != 0) | (np.diff(line) != 0)))
    return RhythmicValues(
        normalised(counts),
        np.repeat(VALUES, counts),
        np.abs(duration - centres[value]) / ticks_per_beat,
        np.diff(np.append(starts, len(lined))),
        lined[starts],
    )


def _by_value(statistic: Callable[[IntArray], float]) -> Callable[[Piece], FloatArray]:
    """A statistic of the run lengths of each rhythmic value, as a normalised histogram."""

    def histogram(piece: Piece) -> FloatArray:
        found = piece.rhythmic_values
        lengths = [found.runs[found.run_values == value] for value in range(len(VALUES))]
        return normalised(np.array([statistic(length) for length in lengths]))

    return histogram


def _of_histogram(statistic: Callable[[FloatArray], float]) -> Callable[[Piece], float]:
    return lambda piece: float(statistic(piece.rhythmic_values.histogram))


def _of_quarters(statistic: Callable[[FloatArray], float]) -> Callable[[Piece], float]:
    return lambda piece: float(statistic(piece.rhythmic_values.quarters))


def _of_offsets(statistic: Callable[[FloatArray], float]) -> Callable[[Piece], float]:
    return lambda piece: statistic(piece.rhythmic_values.offsets)


def _of_runs(statistic: Callable[[IntArray], float]) -> Callable[[Piece], float]:
    return lambda piece: statistic(piece.rhythmic_values.runs)


def _fraction(*values: int) -> Callable[[Piece], float]:
    return _of_histogram(lambda histogram: float(histogram[list(values)].sum()))


def _range(histogram: FloatArray) -> float:
    present = np.flatnonzero(histogram)
    return float(present[-1] - present[0])


def _second_most_common(histogram: FloatArray) -> int:
    """Index of the second largest fraction, the first of equals.

    Where the largest stands first jSymbolic never finds another: 0.
    """
    return index_of_second(histogram) if index_of_largest(histogram) else 0


def _relative_prevalence(histogram: FloatArray) -> float:
    return float(histogram[_second_most_common(histogram)] / histogram[index_of_largest(histogram)])


FEATURES: dict[str, Feature] = {
    "Rhythmic Value Histogram": lambda piece: piece.rhythmic_values.histogram,
    "Range of Rhythmic Values": _of_histogram(_range),
    "Number of Different Rhythmic Values Present": _of_histogram(np.count_nonzero),
    "Number of Common Rhythmic Values Present": _of_histogram(lambda h: (h >= _COMMON).sum()),
    "Prevalence of Very Short Rhythmic Values": _fraction(0, 1),
    "Prevalence of Short Rhythmic Values": _fraction(0, 1, 2),
    "Prevalence of Medium Rhythmic Values": _fraction(2, 3, 4, 5, 6),
    "Prevalence of Long Rhythmic Values": _fraction(6, 7, 8, 9, 10, 11),
    "Prevalence of Very Long Rhythmic Values": _fraction(9, 10, 11),
    "Prevalence of Dotted Notes": _fraction(3, 5, 7, 9, 11),
    "Shortest Rhythmic Value": _of_quarters(lambda quarters: quarters[0]),
    "Longest Rhythmic Value": _of_quarters(lambda quarters: quarters[-1]),
    "Mean Rhythmic Value": _of_quarters(mean),
    "Most Common Rhythmic Value": _of_histogram(lambda h: VALUES[index_of_largest(h)]),
    "Prevalence of Most Common Rhythmic Value": _of_histogram(np.max),
    "Relative Prevalence of Most Common Rhythmic Values": _of_histogram(_relative_prevalence),
    "Difference Between Most Common Rhythmic Values": _of_histogram(
        lambda h: abs(index_of_largest(h) - _second_most_common(h))
    ),
    "Rhythmic Value Variability": _of_quarters(deviation),
    "Rhythmic Value Skewness": _of_quarters(skewness),
    "Rhythmic Value Kurtosis": _of_quarters(kurtosis),
    "Rhythmic Value Median Run Lengths Histogram": _by_value(median),
    "Mean Rhythmic Value Run Length": _of_runs(mean),
    "Median Rhythmic Value Run Length": _of_runs(median),
    "Variability in Rhythmic Value Run Lengths": _of_runs(deviation),
    "Rhythmic Value Variability in Run Lengths Histogram": _by_value(deviation),
    "Mean Rhythmic Value Offset": _of_offsets(mean),
    "Median Rhythmic Value Offset": _of_offsets(median),
    "Variability of Rhythmic Value Offsets": _of_offsets(deviation),
}
