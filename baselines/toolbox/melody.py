"""Notes as MIDI Toolbox sees them, and the melody within them.

MIDI Toolbox (Eerola & Toiviainen, *MIDI Toolbox: MATLAB Tools for Music Research*, University of
Jyväskylä, 2004) keeps a piece as a matrix of notes: onset and duration in beats and in seconds,
and pitch. Many of its analyses are meant for melodies and refuse polyphony. Piano music is
polyphonic, so those are given the piece's `skyline`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.midi import PERCUSSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.methods import FloatArray
    from bench.midi import Midi

    IntArray = NDArray[np.int64]
    Index = NDArray[np.bool_] | IntArray

#: Two moments closer than this, in beats (a 32nd note), are one to the ear: the notes of a chord
#: that a pianist does not strike quite together, and two tones of a legato that overlap.
_TOGETHER = 1 / 8


@dataclass(frozen=True, slots=True, eq=False)
class Notes:
    """Notes ordered by onset, then pitch, as arrays of shape (n_notes,). Durations are positive."""

    onset: FloatArray  # beats
    end: FloatArray  # beats
    onset_seconds: FloatArray
    end_seconds: FloatArray
    pitch: IntArray

    def __len__(self) -> int:
        return len(self.pitch)

    def __getitem__(self, index: Index) -> Notes:
        return Notes(
            self.onset[index],
            self.end[index],
            self.onset_seconds[index],
            self.end_seconds[index],
            self.pitch[index],
        )

    @property
    def duration(self) -> FloatArray:
        """Lengths in beats."""
        return self.end - self.onset

    @property
    def seconds(self) -> FloatArray:
        """Lengths in seconds."""
        return self.end_seconds - self.onset_seconds


def notes_of(midi: Midi) -> Notes:
    """All pitched notes of a file: without percussion and without notes of no length.

    A beat may last 0 microseconds, and so may the notes of several beats.
    """
    notes = midi.notes[(midi.notes.channel != PERCUSSION) & (midi.notes.duration > 0)]
    notes = notes[np.lexsort((notes.pitch, notes.onset))]
    return _lasting(
        Notes(
            notes.onset / midi.ticks_per_beat,
            notes.end / midi.ticks_per_beat,
            midi.seconds(notes.onset),
            midi.seconds(notes.end),
            notes.pitch,
        )
    )


def skyline(notes: Notes) -> Notes:
    """The highest sounding note at each onset: a melody, each note cut where the next begins.

    A note is hidden when, a 32nd note after its onset, a higher note sounds that had started by
    then. The small delay forgives chords struck not quite together, and legato.
    """
    moment = notes.onset + _TOGETHER
    melody = notes[~_covered(notes, moment)]
    # What is left may share an onset with a higher note too short to hide it.
    melody = melody[np.append(np.diff(melody.onset) > 0, np.ones(min(len(melody), 1), np.bool_))]
    if not len(melody):
        return melody
    return _lasting(
        Notes(
            melody.onset,
            np.minimum(melody.end, np.append(melody.onset[1:], np.inf)),
            melody.onset_seconds,
            np.minimum(melody.end_seconds, np.append(melody.onset_seconds[1:], np.inf)),
            melody.pitch,
        )
    )


def _lasting(notes: Notes) -> Notes:
    """Those that last some time."""
    return notes[(notes.duration > 0) & (notes.seconds > 0)]


def _covered(notes: Notes, moment: FloatArray) -> NDArray[np.bool_]:
    """Whether a note higher than each one sounds at its `moment`."""
    covered = np.zeros(len(notes), dtype=np.bool_)
    by_end = np.argsort(notes.end)
    end, end_pitch = notes.end[by_end], notes.pitch[by_end]
    for pitch in np.unique(notes.pitch)[:-1]:
        mine = notes.pitch == pitch
        # One sounds where more of them have begun than have ended.
        begun = np.searchsorted(notes.onset[notes.pitch > pitch], moment[mine], side="right")
        ended = np.searchsorted(end[end_pitch > pitch], moment[mine], side="right")
        covered[mine] = begun > ended
    return covered
