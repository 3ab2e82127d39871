"""Features of melodic intervals: M-1 ... M-25."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import (
    distance_of_top_two,
    index_of_largest,
    ratio,
    second_to_first,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_COMMON = 0.09  # of all melodic intervals
_ARPEGGIO = (0, 3, 4, 7, 10, 11, 12, 15, 16)  # semitones
_OCTAVE = 12
_MEMORY = 16  # onsets after which a pitch that comes again counts as new
_MUCH_LONGER = 3  # times the length of an embellishing note


def _histogram(piece: Piece) -> FloatArray:
    return piece.melodic_interval_histogram


def _fraction(*intervals: int) -> Callable[[Piece], float]:
    """Fraction of the melodic intervals that have one of these sizes."""
    sizes = list(intervals)
    return lambda piece: float(_histogram(piece)[sizes].sum())


def _onsets(piece: Piece) -> tuple[IntArray, IntArray]:
    """The distinct onsets, by channel, then time.

    Returns:
        The channel of each onset, shape (n_onsets,), and the onset of each of the pitched notes
        that have a note-off, shape (n_notes,).
    """
    notes = piece.closed_pitched
    key, onset = np.unique(notes.channel * (piece.n_ticks + 1) + notes.onset, return_inverse=True)
    return key // (piece.n_ticks + 1), onset


def _embellishments(piece: Piece) -> float:
    """Notes between two onsets of their channel that each bring a note three times as long."""
    channel, onset = _onsets(piece)
    duration = piece.closed_pitched.duration
    longest = np.zeros(len(channel) + 2, dtype=np.int64)
    np.maximum.at(longest, onset + 1, duration)
    edges = np.concatenate([[-1], channel, [-1]])
    needed = _MUCH_LONGER * duration
    found = np.ones(len(duration), dtype=np.bool_)
    for neighbour in (onset, onset + 2):
        found &= (edges[neighbour] == edges[onset + 1]) & (longest[neighbour] >= needed)
    return float(found.sum() / len(piece.notes))


def _pitch_variety(piece: Piece) -> float:
    """Mean number of onsets of a channel until a note's pitch comes again, if it does in time."""
    channel, onset = _onsets(piece)
    if not len(onset):
        return 0.0
    key = (channel[onset] * 128 + piece.closed_pitched.pitch) * len(channel) + onset
    events, n_notes = np.unique(key, return_counts=True)
    voice, when = np.divmod(events, len(channel))
    gap = np.diff(when)
    counts = np.where((np.diff(voice) == 0) & (gap <= _MEMORY), n_notes[:-1], 0)
    return ratio((gap * counts).sum(), counts.sum())


def _rising_fraction(piece: Piece) -> float:
    intervals = [line.intervals for line in piece.melodic_lines]
    up = sum(int((moves > 0).sum()) for moves in intervals)
    down = sum(int((moves < 0).sum()) for moves in intervals)
    return ratio(up, up + down)


def _arcs(piece: Piece) -> tuple[int, int, int]:
    """Melodic arcs: stretches of one direction, repeated notes left out, the last of a line too.

    Returns:
        The number of arcs, that of all intervals that are not repetitions, and the semitones the
        arcs span together.
    """
    n_arcs = n_intervals = span = 0
    for line in piece.melodic_lines:
        moves = line.intervals[line.intervals != 0]
        turns = np.flatnonzero(np.diff(np.sign(moves)))
        n_arcs += len(turns)
        n_intervals += len(moves)
        if len(turns):
            span += int(np.abs(moves[: turns[-1] + 1]).sum())
    return n_arcs, n_intervals, span


def _mean_arc_length(piece: Piece) -> float:
    n_arcs, n_intervals, _ = _arcs(piece)
    return ratio(n_intervals, n_arcs)


def _mean_arc_span(piece: Piece) -> float:
    n_arcs, _, span = _arcs(piece)
    return ratio(span, n_arcs)


FEATURES: dict[str, Feature] = {
    "Melodic Interval Histogram": _histogram,
    "Most Common Melodic Interval": lambda p: index_of_largest(_histogram(p)),
    "Mean Melodic Interval": lambda p: float(_histogram(p) @ np.arange(128)),
    "Number of Common Melodic Intervals": lambda p: (_histogram(p) >= _COMMON).sum(),
    "Distance Between Most Prevalent Melodic Intervals": lambda p: distance_of_top_two(
        _histogram(p)
    ),
    "Prevalence of Most Common Melodic Interval": lambda p: _histogram(p).max(),
    "Relative Prevalence of Most Common Melodic Intervals": lambda p: second_to_first(
        _histogram(p)
    ),
    "Amount of Arpeggiation": _fraction(*_ARPEGGIO),
    "Repeated Notes": _fraction(0),
    "Chromatic Motion": _fraction(1),
    "Stepwise Motion": _fraction(1, 2),
    "Melodic Thirds": _fraction(3, 4),
    "Melodic Perfect Fourths": _fraction(5),
    "Melodic Tritones": _fraction(6),
    "Melodic Perfect Fifths": _fraction(7),
    "Melodic Sixths": _fraction(8, 9),
    "Melodic Sevenths": _fraction(10, 11),
    "Melodic Octaves": _fraction(_OCTAVE),
    "Melodic Large Intervals": _fraction(*range(_OCTAVE + 1, 128)),
    "Minor Major Melodic Third Ratio": lambda p: ratio(*_histogram(p)[3:5]),
    "Melodic Embellishments": _embellishments,
    "Direction of Melodic Motion": _rising_fraction,
    "Average Length of Melodic Arcs": _mean_arc_length,
    "Average Interval Spanned by Melodic Arcs": _mean_arc_span,
    "Melodic Pitch Variety": _pitch_variety,
}
