"""Numbers of notes by beat and by second: R-9 ... R-12, RT-5, RT-6."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import deviation
from baselines.jsymbolic.native.rhythm_windows import windows

if TYPE_CHECKING:
    from baselines.jsymbolic.native.piece import Feature, Piece

_WINDOW_QUARTERS = 8.0
_WINDOW_SECONDS = 5.0


def _note_density(piece: Piece) -> float:
    """Notes per second; 0 for less than one second."""
    return len(piece.notes) / piece.seconds if piece.seconds >= 1.0 else 0.0


def _note_density_per_quarter(piece: Piece) -> float:
    return _note_density(piece) * piece.quarter_seconds


def _note_density_per_quarter_per_voice(piece: Piece) -> float:
    return _note_density_per_quarter(piece) / len(np.unique(piece.notes.channel))


def _note_density_per_quarter_variability(piece: Piece) -> float:
    """The deviation of the density over windows; nan where one has no length."""
    cut = windows(piece, _WINDOW_QUARTERS * piece.quarter_seconds)
    seconds = cut.microseconds / 1e6
    density = np.where(seconds >= 1.0, cut.note_ons / np.maximum(seconds, 1.0), 0.0)
    with np.errstate(invalid="ignore"):
        quarters = piece.midi.ticks_per_beat * (seconds / cut.ticks)
    return deviation(density * quarters)


def _note_density_variability(piece: Piece) -> float:
    cut = windows(piece, _WINDOW_SECONDS)
    seconds = cut.microseconds / 1e6
    return deviation(np.where(seconds >= 1.0, cut.note_ons / np.maximum(seconds, 1.0), 0.0))


FEATURES: dict[str, Feature] = {
    "Total Number of Notes": lambda piece: float(len(piece.notes)),
    "Note Density per Quarter Note": _note_density_per_quarter,
    "Note Density per Quarter Note per Voice": _note_density_per_quarter_per_voice,
    "Note Density per Quarter Note Variability": _note_density_per_quarter_variability,
    "Note Density": _note_density,
    "Note Density Variability": _note_density_variability,
}
