"""Features of instrumentation: I-1 ... I-20."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import deviation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_PERCUSSION_KEYS = slice(35, 82)  # the keys of General MIDI's percussion map


def _pitched_counts(piece: Piece) -> IntArray:
    """Notes of each General MIDI patch, shape (128,)."""
    return np.bincount(piece.program[piece.is_pitched], minlength=128)


def _unpitched_counts(piece: Piece) -> IntArray:
    """Notes of each percussion instrument, shape (47,)."""
    return np.bincount(piece.notes.pitch[~piece.is_pitched], minlength=128)[_PERCUSSION_KEYS]


def _time_prevalence(piece: Piece) -> FloatArray:
    """Whole seconds during which each patch sounds by whole seconds of the piece, shape (128,)."""
    result = np.zeros(128)
    if whole := int(piece.seconds):
        for patch in np.flatnonzero(_pitched_counts(piece)):
            stretches = piece.sounding(piece.is_pitched & (piece.program == patch))
            result[patch] = int(piece.seconds_of(*stretches)) / whole
    return result


def _spread(counts: IntArray) -> float:
    """Of the counts (not, as jSymbolic's description has it, of the fractions) of those present."""
    return deviation(counts[counts > 0])


def _patches(patches: Iterable[int]) -> Callable[[Piece], float]:
    """Fraction of the notes that these patches play, counted from 0."""
    numbers = list(patches)
    return lambda piece: float(_pitched_counts(piece)[numbers].sum() / len(piece.notes))


FEATURES: dict[str, Feature] = {
    "Pitched Instruments Present": lambda p: (_pitched_counts(p) > 0).astype(np.float64),
    "Unpitched Instruments Present": lambda p: (_unpitched_counts(p) > 0).astype(np.float64),
    "Note Prevalence of Pitched Instruments": lambda p: _pitched_counts(p) / len(p.notes),
    "Note Prevalence of Unpitched Instruments": lambda p: _unpitched_counts(p) / len(p.notes),
    "Time Prevalence of Pitched Instruments": _time_prevalence,
    "Variability of Note Prevalence of Pitched Instruments": lambda p: _spread(_pitched_counts(p)),
    "Variability of Note Prevalence of Unpitched Instruments": lambda p: _spread(
        _unpitched_counts(p)
    ),
    "Number of Pitched Instruments": lambda p: float(np.count_nonzero(_pitched_counts(p))),
    "Number of Unpitched Instruments": lambda p: float(np.count_nonzero(_unpitched_counts(p))),
    "Unpitched Percussion Instrument Prevalence": lambda p: 1 - len(p.pitched) / len(p.notes),
    "String Keyboard Prevalence": _patches(range(8)),
    "Acoustic Guitar Prevalence": _patches(range(24, 26)),
    "Electric Guitar Prevalence": _patches(range(26, 32)),
    "Violin Prevalence": _patches([40, 110]),
    "Saxophone Prevalence": _patches(range(64, 68)),
    "Brass Prevalence": _patches(range(56, 68)),
    "Woodwinds Prevalence": _patches(range(68, 76)),
    "Orchestral Strings Prevalence": _patches(range(40, 47)),
    "String Ensemble Prevalence": _patches(range(48, 52)),
    "Electric Instrument Prevalence": _patches([4, 5, 16, 18, *range(26, 32), *range(33, 40)]),
}
