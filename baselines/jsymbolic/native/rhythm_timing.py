"""Note lengths and the time between attacks, in seconds: RT-7 ... RT-15."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import deviation, mean
from baselines.jsymbolic.native.rhythm_memory import once_per_piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Piece

    FloatArray = NDArray[np.float64]

_STACCATO = 0.1  # seconds; shorter notes are staccato


def _between(piece: Piece, onsets: NDArray[np.int64]) -> FloatArray:
    """Seconds from attack to attack without the tick of the first, shape (n_attacks - 1,)."""
    ticks = np.unique(onsets)
    return piece.seconds_between(ticks[:-1] + 1, ticks[1:])


@once_per_piece
def _intervals(piece: Piece) -> FloatArray:
    """Between all attacks, whatever their channel."""
    return _between(piece, piece.notes.onset)


@once_per_piece
def _intervals_by_channel(piece: Piece) -> list[FloatArray]:
    """For each channel with notes the times between its attacks."""
    channels = np.unique(piece.notes.channel)
    if len(channels) == 1:
        return [_intervals(piece)]
    return [_between(piece, piece.notes.onset[piece.notes.channel == c]) for c in channels]


def _mean_interval_by_channel(piece: Piece) -> float:
    return mean(np.array([mean(channel) for channel in _intervals_by_channel(piece)]))


def _interval_deviation_by_channel(piece: Piece) -> float:
    return mean(np.array([deviation(channel) for channel in _intervals_by_channel(piece)]))


FEATURES: dict[str, Callable[[Piece], float]] = {
    "Average Time Between Attacks": lambda piece: mean(_intervals(piece)),
    "Average Time Between Attacks for Each Voice": _mean_interval_by_channel,
    "Variability of Time Between Attacks": lambda piece: deviation(_intervals(piece)),
    "Average Variability of Time Between Attacks for Each Voice": _interval_deviation_by_channel,
    "Minimum Note Duration": lambda piece: float(piece.note_seconds.min()),
    "Maximum Note Duration": lambda piece: float(piece.note_seconds.max()),
    "Average Note Duration": lambda piece: mean(piece.note_seconds),
    "Variability of Note Durations": lambda piece: deviation(piece.note_seconds),
    "Amount of Staccato": lambda piece: float((piece.note_seconds < _STACCATO).mean()),
}
