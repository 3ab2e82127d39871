"""Features of dynamics: D-1 ... D-4. Loudness is velocity times channel volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import deviation, mean, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    IntArray = NDArray[np.int64]


def _by_channel(piece: Piece) -> list[IntArray]:
    """The loudness of the notes of each channel with notes, in file order."""
    channel = piece.notes.channel
    return [piece.loudness[channel == c] for c in piece.channels.active]


def _mean_change(piece: Piece) -> float:
    """From note to note of a channel; jSymbolic divides by the notes, not by the changes."""
    voices = [voice for voice in _by_channel(piece) if len(voice) > 1]
    total = sum(int(np.abs(np.diff(voice)).sum()) for voice in voices)
    return ratio(total, sum(map(len, voices)))


FEATURES: dict[str, Feature] = {
    "Dynamic Range": lambda p: float(np.ptp(p.loudness)),
    "Variation of Dynamics": lambda p: deviation(p.loudness),
    "Variation of Dynamics In Each Voice": lambda p: mean(
        np.array([deviation(voice) for voice in _by_channel(p)])
    ),
    "Average Note to Note Change in Dynamics": _mean_change,
}
