"""Note lengths and the time between attacks, in seconds: RT-7 ... RT-15."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import deviation, mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]

_STACCATO = 0.1  # seconds; shorter notes are staccato


@dataclass(frozen=True, slots=True, eq=False)
class Attacks:
    """The seconds from attack to attack of one piece, in order."""

    together: FloatArray  # between all attacks, whatever their channel
    by_channel: list[FloatArray]  # of each channel with notes


def attacks(piece: Piece) -> Attacks:
    """The times between the attacks of a piece."""
    onset, channel = piece.notes.onset, piece.notes.channel
    together = _between(piece, onset)
    channels = np.unique(channel)
    if len(channels) == 1:
        return Attacks(together, [together])
    return Attacks(together, [_between(piece, onset[channel == c]) for c in channels])


def _between(piece: Piece, onsets: NDArray[np.int64]) -> FloatArray:
    """Seconds from attack to attack without the tick of the first, shape (n_attacks - 1,)."""
    ticks = np.unique(onsets)
    return piece.seconds_between(ticks[:-1] + 1, ticks[1:])


def _mean_interval_by_channel(piece: Piece) -> float:
    return mean(np.array([mean(channel) for channel in piece.attacks.by_channel]))


def _interval_deviation_by_channel(piece: Piece) -> float:
    return mean(np.array([deviation(channel) for channel in piece.attacks.by_channel]))


FEATURES: dict[str, Feature] = {
    "Average Time Between Attacks": lambda piece: mean(piece.attacks.together),
    "Average Time Between Attacks for Each Voice": _mean_interval_by_channel,
    "Variability of Time Between Attacks": lambda piece: deviation(piece.attacks.together),
    "Average Variability of Time Between Attacks for Each Voice": _interval_deviation_by_channel,
    "Minimum Note Duration": lambda piece: float(piece.note_seconds.min()),
    "Maximum Note Duration": lambda piece: float(piece.note_seconds.max()),
    "Average Note Duration": lambda piece: mean(piece.note_seconds),
    "Variability of Note Durations": lambda piece: deviation(piece.note_seconds),
    "Amount of Staccato": lambda piece: float((piece.note_seconds < _STACCATO).mean()),
}
