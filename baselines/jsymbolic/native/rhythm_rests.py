"""Rests: R-41 ... R-52.

A complete rest is a silence of all pitched notes, a partial rest one of a single channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import deviation, mean, median, ratio
from baselines.jsymbolic.native.stretches import union

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece
    from baselines.jsymbolic.native.stretches import Stretches

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_SHORTEST = 0.1  # quarter notes; shorter rests count as none


@dataclass(frozen=True, slots=True, eq=False)
class Rests:
    """The rests of one piece."""

    complete_fraction: float  # of the whole length
    partial_fraction: float  # likewise: at least one channel with notes is silent
    complete: FloatArray  # in quarter notes, those long enough to count
    partial: FloatArray  # likewise, channel by channel
    channel_seconds: FloatArray  # shape (n_channels_with_notes,): the silence of each together


def rests(piece: Piece) -> Rests:
    """Find the rests of a piece."""
    notes = piece.notes
    silent = [_gaps(*sounding, piece.n_ticks) for sounding in piece.channel_stretches.values()]
    # A note without a note-off never sounds where all channels are looked at together.
    complete = _gaps(*piece.sounding(piece.is_pitched & notes.closed), piece.n_ticks)
    begins, ends = zip(*silent, strict=True)
    partial = union(np.concatenate(begins), np.concatenate(ends))
    return Rests(
        _fraction(piece, complete),
        _fraction(piece, partial),
        _quarters(piece, complete),
        np.concatenate([_quarters(piece, gaps) for gaps in silent]),
        piece.seconds - piece.channels.seconds[piece.channels.active],
    )


def _gaps(begin: IntArray, end: IntArray, n_ticks: int) -> Stretches:
    starts, ends = np.append(0, end), np.append(begin, n_ticks)
    return starts[starts < ends], ends[starts < ends]


def _fraction(piece: Piece, stretches: Stretches) -> float:
    return ratio(piece.seconds_of(*stretches), piece.seconds)


def _quarters(piece: Piece, gaps: Stretches) -> FloatArray:
    lengths = piece.seconds_between(*gaps) / piece.quarter_seconds
    return lengths[lengths >= _SHORTEST]


def _complete(statistic: Callable[[FloatArray], float]) -> Callable[[Piece], float]:
    return lambda piece: statistic(piece.rests.complete)


def _partial(statistic: Callable[[FloatArray], float]) -> Callable[[Piece], float]:
    return lambda piece: statistic(piece.rests.partial)


def _longest(lengths: FloatArray) -> float:
    return float(lengths.max(initial=0.0))


def _mean_fraction(piece: Piece) -> float:
    return ratio(mean(piece.rests.channel_seconds), piece.seconds)


def _deviation_across_channels(piece: Piece) -> float:
    return deviation(piece.rests.channel_seconds / piece.quarter_seconds)


FEATURES: dict[str, Feature] = {
    "Complete Rests Fraction": lambda piece: piece.rests.complete_fraction,
    "Partial Rests Fraction": lambda piece: piece.rests.partial_fraction,
    "Average Rest Fraction Across Voices": _mean_fraction,
    "Longest Complete Rest": _complete(_longest),
    "Longest Partial Rest": _partial(_longest),
    "Mean Complete Rest Duration": _complete(mean),
    "Mean Partial Rest Duration": _partial(mean),
    "Median Complete Rest Duration": _complete(median),
    "Median Partial Rest Duration": _partial(median),
    "Variability of Complete Rest Durations": _complete(deviation),
    "Variability of Partial Rest Durations": _partial(deviation),
    "Variability Across Voices of Combined Rests": _deviation_across_channels,
}
