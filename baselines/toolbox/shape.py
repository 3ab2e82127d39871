"""Outline and complexity of a melody, after MIDI Toolbox 1.1 (Eerola & Toiviainen 2004)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.toolbox.distributions import duraccent, durdist1, entropy, ivdist1, pcdist1
from baselines.toolbox.rhythm import meteraccent, notedensity
from baselines.toolbox.tonality import tonality

if TYPE_CHECKING:
    from baselines.toolbox.melody import Notes
    from baselines.toolbox.tonality import Key
    from bench.methods import FloatArray


def ambitus(notes: Notes) -> int:
    """Range in semitones."""
    return int(np.ptp(notes.pitch))


def melcontour(melody: Notes, points: int = 16) -> FloatArray:
    """Pitch at equally spaced moments, less their mean, shape (points,), in semitones."""
    start, stop = melody.onset[0], melody.end[-1]
    moments = start + (stop - start) * np.arange(points) / points
    pitch = melody.pitch[np.searchsorted(melody.onset, moments, side="right") - 1]
    contour: FloatArray = pitch - pitch.mean()
    return contour


def combcontour(melody: Notes) -> float:
    """Share of pairs of notes of which the earlier one is higher (Marvin & Laprade 1987), 0..1.

    The Toolbox gives the whole matrix of pairs; this is its mean below the diagonal. 0 for a
    single note.
    """
    n = len(melody)
    heard = np.zeros(128, dtype=np.int64)
    falling = 0
    for pitch in melody.pitch.tolist():
        falling += int(heard[pitch + 1 :].sum())
        heard[pitch] += 1
    return falling / (n * (n - 1) / 2) if n > 1 else 0.0


def complebm(melody: Notes, key: Key) -> dict[str, float]:
    """Expectancy-based complexity (Eerola & North 2000), by "pitch", "rhythm" and "optimal".

    Calibrated so that folk songs of the Essen collection have mean 5 and standard deviation 1.
    As in the Toolbox's code, "optimal" has the entropy of intervals twice, and the mean interval
    is a signed one.
    """
    mean_interval = float(np.diff(melody.pitch).mean()) if len(melody) > 1 else 0.0
    pitch_classes, intervals = entropy(pcdist1(melody)), entropy(ivdist1(melody))
    stability = float((duraccent(melody.seconds) * tonality(melody, key)).mean())
    durations = entropy(durdist1(melody))
    _, density = notedensity(melody)
    variety = float(np.log(melody.seconds).std(ddof=1)) if len(melody) > 1 else 0.0
    accent = meteraccent(melody)
    pitch = -0.2407 + 0.3 * mean_interval + pitch_classes + 0.8 * intervals - stability
    rhythm = -0.7841 + 0.7 * durations + 0.2 * density + 0.5 * variety + 0.5 * accent
    optimal = (
        -1.9025 + 0.2 * mean_interval + 1.5 * intervals + 1.3 * intervals - stability
        + 0.5 * durations + 0.4 * density + 0.9 * variety + 0.8 * accent
    )  # fmt: skip
    return {
        "pitch": pitch / 0.9040 + 5,
        "rhythm": rhythm / 0.3637 + 5,
        "optimal": optimal / 1.5034 + 5,
    }
