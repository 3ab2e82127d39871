"""Emotion quadrants and velocity classes; keys are found in `bench.keys`.

Quadrants are Russell's, numbered 0..3 in arrays and written Q1..Q4: Q1 high valence, high arousal
("happy"); Q2 low valence, high arousal ("angry"); Q3 low valence, low arousal ("sad"); Q4 high
valence, low arousal ("calm").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
N_QUADRANTS = len(QUADRANTS)

#: Whether each quadrant has high valence / high arousal.
HIGH_VALENCE = np.array([True, False, False, True])
HIGH_AROUSAL = np.array([True, True, False, False])

VELOCITY_CLASSES = ("pp", "p", "mp", "mf", "f", "ff")
#: Lowest velocity of p, mp, mf, f and ff (MT-SMNN: pp 0-31, p 32-47, ... ff 96-127).
_VELOCITY_BOUNDS = np.array([32, 48, 64, 80, 96])


def quadrant_of(*, high_valence: bool, high_arousal: bool) -> int:
    """The quadrant, 0..3, of a position in the valence-arousal plane."""
    if high_arousal:
        return 0 if high_valence else 1
    return 3 if high_valence else 2


def velocity_class(velocity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Dynamics 0..5 (pp..ff) of MIDI velocities 0..127, same shape."""
    return np.searchsorted(_VELOCITY_BOUNDS, velocity, side="right").astype(np.int64)
