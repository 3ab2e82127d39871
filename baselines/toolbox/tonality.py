"""Key and tonal stability, after MIDI Toolbox 1.1 (Eerola & Toiviainen 2004)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.toolbox.distributions import pcdist1
from bench.keys import MAJOR_PROFILE, MINOR_PROFILE

if TYPE_CHECKING:
    from baselines.toolbox.melody import IntArray, Notes
    from bench.methods import FloatArray

#: How well pitch classes above the tonic fit a major and a minor key, shape (2, 12).
PROFILES = np.array([MAJOR_PROFILE, MINOR_PROFILE])


@dataclass(frozen=True, slots=True)
class Key:
    """The best of 24 keys as `kkcc` sees them, which the labels of `bench.keys` may not share."""

    tonic: int  # pitch class 0..11
    minor: bool


def kkcc(notes: Notes) -> FloatArray:
    """Correlation of the pitch-class distribution with the 24 Krumhansl-Kessler profiles.

    Shape (24,): C..B major, C..B minor (Krumhansl 1990). 0 where all pitch classes are equal.
    """
    pitch_classes = pcdist1(notes) - 1 / 12
    norm = np.linalg.norm(pitch_classes)
    return _KEYS @ pitch_classes / norm if norm > 1e-12 else np.zeros(24)


def kkkey(correlations: FloatArray) -> Key:
    """The key of the highest of the 24 values of `kkcc`."""
    best = int(correlations.argmax())
    return Key(best % 12, best >= 12)


def degrees(pitch: IntArray, key: Key) -> IntArray:
    """Semitones above the tonic, 0..11, same shape.

    The Toolbox expects melodies in C, or transposes them there; this is that transposition.
    """
    return (pitch - key.tonic) % 12


def tonality(melody: Notes, key: Key) -> FloatArray:
    """Tonal stability of each note (Krumhansl 1990), shape (n_notes,).

    The key profile of its degree.
    """
    stability: FloatArray = PROFILES[int(key.minor)][degrees(melody.pitch, key)]
    return stability


def _centred_keys() -> FloatArray:
    keys = np.array([np.roll(profile, tonic) for profile in PROFILES for tonic in range(12)])
    keys -= keys.mean(axis=1, keepdims=True)
    unit: FloatArray = keys / np.linalg.norm(keys, axis=1, keepdims=True)
    return unit


_KEYS = _centred_keys()
