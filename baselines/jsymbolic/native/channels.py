"""jSymbolic's table of MIDI channels, which it takes for voices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.midi import PERCUSSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Piece

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

N_CHANNELS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Channels:
    """One entry for each of the 16 channels, shape (16,); averages are cut to integers."""

    n_notes: IntArray
    seconds: FloatArray  # during which at least one note sounds
    loudness: IntArray  # mean of velocity x volume; 0 without notes
    leap: IntArray  # mean melodic interval in semitones; 0 without intervals
    lowest: IntArray  # pitch; 1000 without notes
    highest: IntArray  # pitch; -1000 without notes
    mean_pitch: IntArray  # 0 without notes

    @property
    def active(self) -> IntArray:
        """The channels with notes."""
        return np.flatnonzero(self.n_notes)

    @property
    def pitched(self) -> IntArray:
        """The channels with notes, percussion apart."""
        return np.setdiff1d(self.active, [PERCUSSION])


def channels(piece: Piece) -> Channels:
    """The table of a piece."""
    notes = piece.notes
    n_notes = np.bincount(notes.channel, minlength=N_CHANNELS)
    lowest, highest = np.full(N_CHANNELS, 1000), np.full(N_CHANNELS, -1000)
    np.minimum.at(lowest, notes.channel, notes.pitch)
    np.maximum.at(highest, notes.channel, notes.pitch)
    seconds = np.zeros(N_CHANNELS)
    leaps, n_leaps = np.zeros(N_CHANNELS, dtype=np.int64), np.zeros(N_CHANNELS, dtype=np.int64)
    for channel, stretches in piece.channel_stretches.items():
        seconds[channel] = piece.seconds_of(*stretches)
    for line in piece.melodic_lines:
        leaps[line.channel] += np.abs(line.intervals).sum()
        n_leaps[line.channel] += len(line.intervals)
    return Channels(
        n_notes=n_notes,
        seconds=seconds,
        loudness=_mean(_sums(notes.channel, piece.loudness), n_notes),
        leap=_mean(leaps, n_leaps),
        lowest=lowest,
        highest=highest,
        mean_pitch=_mean(_sums(notes.channel, notes.pitch), n_notes),
    )


def _sums(channel: IntArray, values: IntArray) -> IntArray:
    return np.bincount(channel, values, N_CHANNELS).astype(np.int64)


def _mean(sums: IntArray, counts: IntArray) -> IntArray:
    return sums // np.maximum(counts, 1)
