"""Tempo and length: RT-1 ... RT-4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

_DEFAULT_TEMPO = 120.0  # beats per minute
_SHORTEST_BEAT = 0.1  # microseconds, where the file says 0


def _initial_tempo(piece: Piece) -> float:
    """The first tempo by track, then time, as whole beats per minute in single precision."""
    beats = piece.midi.tempos["microseconds_per_beat"]
    if not len(beats):
        return _DEFAULT_TEMPO
    beat = np.float32(beats[0] or _SHORTEST_BEAT)
    return float(np.floor(np.float64(np.float32(60_000_000) / beat) + 0.5))


def _tempos(piece: Piece) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Beats per minute and the number of ticks at it, stretch by stretch; one tick is the end's."""
    runs = piece.tick_seconds.runs(0, piece.n_ticks + 1)
    seconds, ticks = np.array([s for s, _ in runs]), np.array([n for _, n in runs])
    with np.errstate(divide="ignore"):
        return 1.0 / seconds / piece.midi.ticks_per_beat * 60.0, ticks


def _mean_tempo(piece: Piece) -> float:
    tempos, ticks = _tempos(piece)
    return float((tempos * ticks).sum() / ticks.sum())


def _tempo_variability(piece: Piece) -> float:
    tempos, ticks = _tempos(piece)
    if len(tempos) < 2:
        return 0.0
    with np.errstate(invalid="ignore"):  # a beat of no length has an infinite tempo
        squares = (tempos - _mean_tempo(piece)) ** 2
    return float(np.sqrt((squares * ticks).sum() / (ticks.sum() - 1)))


def _duration(piece: Piece) -> float:
    return piece.seconds


FEATURES: dict[str, Feature] = {
    "Initial Tempo": _initial_tempo,
    "Mean Tempo": _mean_tempo,
    "Tempo Variability": _tempo_variability,
    "Duration in Seconds": _duration,
}
