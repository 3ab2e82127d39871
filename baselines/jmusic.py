"""The 23 melodic features of jMusic's PhraseAnalysis, each between 0 and 1.

Towsey, Brown, Wright & Diederich, *Towards Melodic Extension Using Genetic Algorithms*
(Educational Technology & Society 4(2), 2001) define 21 of them; jMusic (A. Kirby's
``jm.music.tools.PhraseAnalysis``) has pitch and rhythm patterns of both three and four intervals.
A phrase there is a monophonic row of notes and rests whose lengths are multiples of a quantum:
here the skyline, rounded to sixteenths. Where a phrase is too short for a feature, it is 0; jMusic
raises an exception.

Where jMusic's code and what it says of a feature differ, the words are followed: the climax stands
after all notes before it (the code leaves out the last of these), a leap is compensated by the very
last interval, too, and rhythm patterns are counted over notes and rests, as they are compared, not
over notes alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.toolbox.melody import IntArray, Notes
    from baselines.toolbox.tonality import Key

_QUANTA_PER_BEAT = 4
_REST = -1
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10))  # major, minor
_PRIMARY = (0, 7)  # tonic and dominant
_WIDEST = 24  # semitones; a wider range counts as this
_LONGEST = 16  # longest note over shortest, likewise
_MOST_RHYTHMS = 16  # distinct durations, likewise
_LEAP = 8  # semitones
#: Dissonance of melodic intervals from unison to octave. Anything wider has 1.
_DISSONANCE = np.array([0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0.5, 1, 0, 1])


@dataclass(frozen=True, slots=True)
class Phrase:
    """Notes and rests in a row, as arrays of shape (n_elements,)."""

    pitch: IntArray  # _REST for a rest
    quanta: IntArray  # lengths in sixteenths, at least 1

    @property
    def is_note(self) -> NDArray[np.bool_]:
        """Which elements are notes."""
        return np.not_equal(self.pitch, _REST)


def phrase_of(melody: Notes) -> Phrase:
    """A melody of at least one note, rounded to sixteenths; of notes that meet, the highest."""
    start = np.floor(melody.onset * _QUANTA_PER_BEAT + 0.5).astype(np.int64)
    order = np.lexsort((melody.pitch, start))
    order = order[np.append(np.diff(start[order]) > 0, True)]
    start, pitch = start[order], melody.pitch[order]
    stop = np.floor(melody.end[order] * _QUANTA_PER_BEAT + 0.5).astype(np.int64)
    following = np.append(start[1:], max(int(stop[-1]), int(start[-1]) + 1))
    stop = np.clip(stop, start + 1, following)
    # After each note a rest up to the next one, dropped where it has no length.
    pitches = np.stack([pitch, np.full_like(pitch, _REST)], axis=1).ravel()
    quanta = np.stack([stop - start, following - stop], axis=1).ravel()
    return Phrase(pitches[quanta > 0], quanta[quanta > 0])


def phrase_features(melody: Notes, key: Key) -> dict[str, float]:
    """All 23 features of a melody of at least one note, by name, in jMusic's order."""
    phrase = phrase_of(melody)
    return (
        _pitch_features(phrase, key)
        | _climax_features(phrase, key)
        | _rhythm_features(phrase)
        | _repetitions(phrase)
    )


def _pitch_features(phrase: Phrase, key: Key) -> dict[str, float]:
    notes = phrase.is_note
    pitch = phrase.pitch[notes]
    quanta = phrase.quanta[notes]
    total = phrase.quanta.sum()
    degree = (pitch - key.tonic) % 12
    in_scale = np.isin(degree, _SCALES[int(key.minor)])
    # Rests count as primary, as in jMusic: silence does not lead away from the key.
    primary = quanta[np.isin(degree, _PRIMARY)].sum() + phrase.quanta[~notes].sum()
    interval = np.diff(pitch)
    size = np.abs(interval)
    same_way = np.sign(interval[1:]) == np.sign(interval[:-1])
    by_step = (size < 3) & in_scale[:-1] & in_scale[1:]
    leaps = size[:-1] >= _LEAP  # the last interval has none after it
    back = (np.sign(interval[1:]) == -np.sign(interval[:-1])) & (size[1:] <= _LEAP)
    return {
        "Pitch_Variety": len(np.unique(pitch)) / len(pitch),
        "Pitch_Range": min(float(np.ptp(pitch)) / _WIDEST, 1.0),
        "Key_Centeredness": _ratio(primary, total),
        "Tonal_Deviation": _ratio(quanta[~in_scale].sum(), total),
        "Dissonance": _ratio(_DISSONANCE[np.minimum(size, 13)].sum(), len(size)),
        "Overall_Pitch_Direction": _ratio(interval[interval > 0].sum(), size.sum(), 0.5),
        "Melodic_Direction_Stability": _ratio(same_way.sum(), len(interval)),
        "Pitch_Movement_By_Tonal_Step": _ratio(by_step.sum(), len(interval)),
        "Leap_Compensation": _ratio((leaps & ~back).sum(), leaps.sum()),
    }


def _climax_features(phrase: Phrase, key: Key) -> dict[str, float]:
    """The climax is the last of the highest notes."""
    highest = int(phrase.pitch.max())
    where = np.flatnonzero(phrase.pitch == highest)
    degree = (highest - key.tonic) % 12
    outside = degree not in _SCALES[int(key.minor)]
    return {
        "Climax_Strength": 1 / len(where),
        "Climax_Position": _ratio(phrase.quanta[: where[-1]].sum(), phrase.quanta.sum()),
        "Climax_Tonality": 1.0 if outside else 0.5 * (degree not in _PRIMARY),
    }


def _rhythm_features(phrase: Phrase) -> dict[str, float]:
    """Rests are counted; the list that jMusic prints has note density in their place as well."""
    notes = phrase.is_note
    quanta = phrase.quanta[notes]
    total = int(phrase.quanta.sum())
    begins = np.cumsum(phrase.quanta) - phrase.quanta
    off_beat = notes & (phrase.quanta >= _QUANTA_PER_BEAT) & (begins % _QUANTA_PER_BEAT != 0)
    return {
        "Note_Density": _ratio(notes.sum(), total),
        "Rest_Density": _ratio(phrase.quanta[~notes].sum(), total),
        "Rhythmic_Variety": min(len(np.unique(quanta)) / _MOST_RHYTHMS, 1.0),
        "Rhythmic_Range": min(float(quanta.max() / quanta.min()) / _LONGEST, 1.0),
        "Syncopation": min(_ratio(off_beat.sum(), total // _QUANTA_PER_BEAT - 1), 1.0),
    }


def _repetitions(phrase: Phrase) -> dict[str, float]:
    notes = phrase.is_note
    position = np.flatnonzero(notes)
    interval = np.diff(phrase.pitch[position])
    # An interval across a rest is another one than the same interval without.
    across = np.diff(position) > 1
    pitches = np.stack([interval, across], axis=1)
    # The change of length from each element to the next, as a reduced fraction, and whether the
    # first is a rest. A last rest is not part of the rhythm.
    length = phrase.quanta[: position[-1] + 1]
    shared = np.gcd(length[:-1], length[1:])
    rhythms = np.stack([length[1:] // shared, length[:-1] // shared, notes[: position[-1]]], axis=1)
    neighbours = notes[:-1] & notes[1:]
    same_length = neighbours & (phrase.quanta[:-1] == phrase.quanta[1:])
    return {
        "Repeated_Pitch_Density": _ratio((interval == 0).sum(), len(interval)),
        "Repeated_Rhythmic_Value_Density": _ratio(same_length.sum(), len(interval)),
        "Repeated_Pitch_Patterns_Of_Three": _repeated_patterns(pitches, 3),
        "Repeated_Pitch_Patterns_Of_Four": _repeated_patterns(pitches, 4),
        "Repeated_Rhythm_Patterns_Of_Three": _repeated_patterns(rhythms, 3),
        "Repeated_Rhythm_Patterns_Of_Four": _repeated_patterns(rhythms, 4),
    }


def _repeated_patterns(symbols: IntArray, size: int) -> float:
    """How many of the runs of `size` symbols repeat an earlier one, over the most there can be."""
    possible = len(symbols) - size
    if possible < 1:
        return 0.0
    runs = np.lib.stride_tricks.sliding_window_view(symbols, size, axis=0)
    return (possible + 1 - len(np.unique(runs.reshape(possible + 1, -1), axis=0))) / possible


def _ratio(part: float, whole: float, otherwise: float = 0.0) -> float:
    return float(part / whole) if whole > 0 else otherwise
