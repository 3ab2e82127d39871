"""Tempo, density, metre and their accents.

After the functions of those names in MIDI Toolbox 1.1 (Eerola & Toiviainen 2004).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.toolbox.distributions import duraccent
from baselines.toolbox.expectancy import melaccent

if TYPE_CHECKING:
    from baselines.toolbox.melody import IntArray, Notes
    from bench.methods import FloatArray

_GRID = 4  # positions per beat: sixteenths of common time
_MAX_LAG = 8  # beats
_LONGEST = 1 << 20  # positions that fit into memory: three days at 60 beats per minute
_MEASURE = 4  # beats; the Toolbox wants to be told, and most music is in four


def gettempo(notes: Notes) -> float:
    """Mean tempo in beats per minute, up to the end of the last note."""
    return float(60 * notes.end.max() / notes.end_seconds.max())


def notedensity(notes: Notes) -> tuple[float, float]:
    """Onsets per beat and per second between the first and the last; 0 without such a span."""
    steps = len(notes) - 1
    beats, seconds = (float(at[-1] - at[0]) for at in (notes.onset, notes.onset_seconds))
    return (steps / beats if beats else 0.0, steps / seconds if seconds else 0.0)


def npvi(melody: Notes) -> float:
    """Normalised pairwise variability of durations, 0..200; 0 for a single note.

    Grabe & Low 2002; Patel & Daniele 2003, Cognition 87.
    """
    length = melody.seconds
    if len(length) < 2:
        return 0.0
    contrast = np.abs(np.diff(length)) / ((length[:-1] + length[1:]) / 2)
    return float(100 * contrast.mean())


def concur(notes: Notes, threshold: float = 0.2) -> float:
    """Share of notes whose onset lies within `threshold` beats of another's, 0..1.

    As the Toolbox describes it; its code looks at one note only.
    """
    gap = np.diff(notes.onset) <= threshold
    return float((np.append(gap, False) | np.append(False, gap)).mean())


def onsetacorr(notes: Notes) -> FloatArray:
    """Autocorrelation of onsets weighted by durational accent, shape (32,).

    Lags of 1/4 .. 8 beats (Brown 1993, JASA 94; Toiviainen & Eerola 2006, JASA 119). Lag 0, which
    is 1, is left out.
    """
    return _autocorrelation(notes, duraccent(notes.seconds))


def onsetdist(notes: Notes) -> FloatArray:
    """Durations by position of the onset in a measure of four beats, as shares, shape (16,)."""
    position = np.floor((notes.onset - notes.onset[0]) * _GRID).astype(np.int64)
    totals = np.bincount(position % (_GRID * _MEASURE), notes.duration, _GRID * _MEASURE)
    shares: FloatArray = totals / totals.sum()
    return shares


def meter(notes: Notes) -> int:
    """2 for duple, 3 for triple or compound (Brown 1993): which lag has more of the durations."""
    correlation = _autocorrelation(notes, notes.duration)
    two_beats, three_beats = correlation[[2 * _GRID - 1, 3 * _GRID - 1]]
    return 2 if two_beats >= three_beats else 3


def metrichierarchy(melody: Notes) -> FloatArray:
    """Metrical strength of each note, 2..5, shape (n_notes,).

    5 on the strongest beat of the `meter`, which is where most duration falls; 4 on another beat,
    3 on its half, 2 elsewhere. Onsets are rounded to sixteenths first, as the Toolbox does to find
    the strongest beat: performed notes never lie on a beat exactly.
    """
    period = _GRID * meter(melody)
    step = _steps(melody)
    strongest = int(np.bincount(step % period, melody.duration, period).argmax())
    place = (step - strongest) % period
    levels = np.array([place == 0, place % _GRID == 0, place % (_GRID // 2) == 0])
    strength: FloatArray = 2.0 + levels.sum(axis=0)
    return strength


def meteraccent(melody: Notes) -> float:
    """Synchrony of metrical, melodic and durational accents, negated (Jones 1987).

    Higher where they are at odds (Eerola et al. 2006, Psychology of Music 34).
    """
    accents = metrichierarchy(melody) * melaccent(melody) * duraccent(melody.seconds)
    return float(-accents.mean())


def _autocorrelation(notes: Notes, weight: FloatArray) -> FloatArray:
    step = _steps(notes)
    lags = _GRID * _MAX_LAG
    if step[-1] > _LONGEST:  # a silence longer than the lags changes nothing but the memory needed
        step = np.cumsum(np.minimum(np.diff(step, prepend=0), lags + 1))
    pulses = np.zeros(int(step.max()) + 1 + lags)
    np.add.at(pulses, step, weight)
    last = len(pulses) - lags
    products = [pulses[:last] @ pulses[lag : lag + last] for lag in range(lags + 1)]
    power = products[0]
    return np.array(products[1:]) / power if power > 0 else np.zeros(lags)


def _steps(notes: Notes) -> IntArray:
    """Onsets as whole positions of the grid, half upwards, counted from the first."""
    step: IntArray = np.floor(notes.onset * _GRID + 0.5).astype(np.int64)
    from_first: IntArray = step - step[0]
    return from_first
