"""Features of texture: T-1 ... T-24.

A voice is a MIDI channel; percussion counts where not said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import (
    deviation,
    index_of_largest,
    mean,
    weighted_deviation,
    weighted_mean,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    IntArray = NDArray[np.int64]


def _voices_over_time(piece: Piece) -> tuple[IntArray, IntArray]:
    """How many voices sound at once, silence left out, and for how many ticks."""
    begins, ends = zip(*piece.channel_stretches.values(), strict=True)
    begin, end = np.concatenate(begins), np.concatenate(ends)
    ticks, where = np.unique(np.concatenate([begin, end]), return_inverse=True)
    change = np.bincount(where, np.repeat([1, -1], len(begin)), len(ticks)).astype(np.int64)
    sounding = np.cumsum(change)[:-1]
    return sounding[sounding > 0], np.diff(ticks)[sounding > 0]


def _importance_of_loudest(piece: Piece) -> float:
    """Loudness of the loudest voice less the mean of the others'."""
    table = piece.channels
    loudness = table.loudness[table.active]
    if len(loudness) < 2:
        return 0.0
    return float(loudness.max()) - mean(np.delete(loudness, index_of_largest(loudness)))


def _relative_range(piece: Piece, voice: int) -> float:
    """Range of one voice relative to that of all pitched ones."""
    table = piece.channels
    lowest, highest = table.lowest[table.pitched].min(), table.highest[table.pitched].max()
    own = table.highest[voice] - table.lowest[voice]
    return float(own / (highest - lowest)) if highest > lowest else 0.0


def _range_of_loudest(piece: Piece) -> float:
    table = piece.channels
    pitched = table.pitched
    if not len(pitched):
        return 0.0
    return _relative_range(piece, int(pitched[index_of_largest(table.loudness[pitched])]))


def _range_of_highest(piece: Piece) -> float:
    table = piece.channels
    pitched = table.pitched
    if not table.mean_pitch[pitched].any():  # a mean pitch of 0 counts as no voice
        return 0.0
    return _relative_range(piece, int(pitched[index_of_largest(table.mean_pitch[pitched])]))


def _isolation_of_loudest(piece: Piece) -> float:
    """Fraction of the loudest pitched voice's notes outside the range of all other pitched ones."""
    table = piece.channels
    pitched = table.pitched
    if not table.loudness[pitched].any():  # all silent: jSymbolic falls back to the first channel
        loudest = 0
    else:
        loudest = int(pitched[index_of_largest(table.loudness[pitched])])
    others = pitched[pitched != loudest]
    if not len(others):
        return 0.0
    pitch = piece.notes.pitch[piece.notes.channel == loudest]
    outside = (pitch < table.lowest[others].min()) | (pitch > table.highest[others].max())
    return float(outside.sum() / len(pitch)) if len(pitch) else float("nan")


def _density_of_highest(piece: Piece) -> float:
    """The highest mean *pitch* of a voice by the mean number of notes of all: jSymbolic's slip."""
    table = piece.channels
    average = mean(table.n_notes[table.pitched])
    return float(table.mean_pitch[table.pitched].max() / average) if average else 0.0


def _durations_of_lowest(piece: Piece) -> float:
    """Seconds per note of the lowest pitched voice relative to all; whole seconds of each voice."""
    table = piece.channels
    pitched = table.pitched
    if not len(pitched):
        return 0.0
    seconds, n_notes = table.seconds[pitched].astype(np.int64), table.n_notes[pitched]
    lowest = int(np.argmin(table.mean_pitch[pitched]))
    if not seconds[lowest]:
        return 0.0
    return float((seconds[lowest] / n_notes[lowest]) / (seconds.sum() / n_notes.sum()))


def _leaps_of_lowest(piece: Piece) -> float:
    """Mean leap of the *first channel* relative to all: jSymbolic's search never finds another."""
    table = piece.channels
    if not table.leap[0]:
        return 0.0
    return float(table.leap[0]) / mean(table.leap[table.pitched])


def _overlap(piece: Piece) -> float:
    """Fraction of the notes within the range of at least one other voice."""
    notes, table = piece.notes, piece.channels
    inside = np.zeros(len(notes), dtype=np.bool_)
    for voice in table.active:
        within = (notes.pitch >= table.lowest[voice]) & (notes.pitch <= table.highest[voice])
        inside |= within & (notes.channel != voice)
    return float(inside.sum() / len(notes))


def _separations(piece: Piece) -> IntArray:
    """Semitones between the mean pitches of neighbouring pitched voices."""
    table = piece.channels
    pitch = np.sort(table.mean_pitch[table.pitched])
    return pitch[1:] - pitch[:-1]


FEATURES: dict[str, Feature] = {
    "Maximum Number of Independent Voices": lambda p: _voices_over_time(p)[0].max(initial=0),
    "Average Number of Independent Voices": lambda p: weighted_mean(*_voices_over_time(p)),
    "Variability of Number of Independent Voices": lambda p: weighted_deviation(
        *_voices_over_time(p)
    ),
    "Voice Equality - Number of Notes": lambda p: deviation(p.channels.n_notes[p.channels.active]),
    "Voice Equality - Note Duration": lambda p: deviation(p.channels.seconds[p.channels.active]),
    "Voice Equality - Dynamics": lambda p: deviation(p.channels.loudness[p.channels.active]),
    "Voice Equality - Melodic Leaps": lambda p: deviation(p.channels.leap[p.channels.pitched]),
    "Voice Equality - Range": lambda p: deviation(
        (p.channels.highest - p.channels.lowest)[p.channels.pitched]
    ),
    "Importance of Loudest Voice": _importance_of_loudest,
    "Relative Range of Loudest Voice": _range_of_loudest,
    "Relative Range Isolation of Loudest Voice": _isolation_of_loudest,
    "Relative Range of Highest Line": _range_of_highest,
    "Relative Note Density of Highest Line": _density_of_highest,
    "Relative Note Durations of Lowest Line": _durations_of_lowest,
    "Relative Size of Melodic Intervals in Lowest Line": _leaps_of_lowest,
    "Voice Overlap": _overlap,
    "Voice Separation": lambda p: mean(_separations(p)),
    "Variability of Voice Separation": lambda p: deviation(_separations(p)),
    "Parallel Motion": lambda p: p.motion.parallel,
    "Similar Motion": lambda p: p.motion.similar,
    "Contrary Motion": lambda p: p.motion.contrary,
    "Oblique Motion": lambda p: p.motion.oblique,
    "Parallel Fifths": lambda p: p.motion.parallel_fifths,
    "Parallel Octaves": lambda p: p.motion.parallel_octaves,
}
