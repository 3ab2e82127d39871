"""Which note-off ends which note, as the libraries behind the two encoders answer it.

Both libraries list notes instrument by instrument, in the order of their note-offs. An instrument
is a channel of a track; instruments stand in the order in which their first note ends. (In both
libraries a change of program in the middle of a track begins a new instrument. No file of either
dataset has one, and it is not looked at here.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.midi import Midi

    IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PairedNotes:
    """The notes that a library sees, in its order; parallel arrays of shape (n_notes,)."""

    onset: IntArray  # ticks
    end: IntArray  # ticks, >= onset
    pitch: IntArray  # 0..127
    velocity: IntArray  # 1..127
    instrument: IntArray  # 0.., not decreasing

    def __len__(self) -> int:
        """The number of notes."""
        return len(self.onset)


def pair_in_turn(midi: Midi) -> PairedNotes:
    """Notes as miditoolkit 1.0 reads them: a note-off ends the oldest open note of its pitch.

    A note that is left without a note-off is not listed.
    """
    notes = _Keyed(midi)
    order = np.argsort(np.concatenate([notes.note_place, notes.off_place]), kind="stable")
    key = np.concatenate([notes.note_key, notes.off_key])[order]
    is_on = order < len(midi.notes)
    # Walk along the events, one up at a note-on, one down at a note-off; from the lowest point so
    # far a note-off finds no open note. Every key starts far below all points of the one before, so
    # that one walk serves all keys.
    step = np.where(is_on, 1, -1)
    height_before = np.cumsum(step) - step - 2 * len(order) * key
    idle = height_before == np.minimum.accumulate(height_before)

    on = order[is_on]
    off = order[~is_on & ~idle] - len(midi.notes)
    # The k-th note-on of a key goes with its k-th note-off that was not idle.
    n_offs = np.bincount(notes.off_key[off], minlength=notes.n_keys)
    ended = on[_rank_in_run(notes.note_key[on]) < n_offs[notes.note_key[on]]]
    return notes.paired(ended, off, midi.note_offs["tick"][off])


def pair_shared(midi: Midi) -> PairedNotes:
    """Notes as pretty_midi 0.2 reads them: a note-off ends all open notes of its pitch.

    All but those that began on its own tick: they sound on if it ended another note, and are
    dropped if it did not. A note that is left without a note-off is not listed.
    """
    notes, offs = _Keyed(midi), midi.note_offs
    by_place = np.argsort(notes.off_place, kind="stable")
    key, tick = notes.off_key[by_place], offs["tick"][by_place]
    # Beyond the last note-off stands one of no key, so that "the next" always exists.
    key, tick = np.append(key, -1), np.append(tick, -1)
    following = np.searchsorted(notes.off_place[by_place], notes.note_place)
    note = np.flatnonzero(key[following] == notes.note_key)
    following = following[note]

    at_once = midi.notes.onset[note] == tick[following]
    has_new = np.zeros(len(key), dtype=np.bool_)
    has_new[following[at_once]] = True
    ends_old = np.zeros(len(key), dtype=np.bool_)
    ends_old[following[~at_once]] = True
    # A note that sounded on is ended by the note-off after: whether that one ends any depends on
    # the one before it, back to the last that is known to end one or to follow on none.
    previous_new = np.concatenate([[False], has_new[:-1] & (tick[:-1] != tick[1:])])
    known = ends_old | _changes(key) | ~previous_new
    ends_any = ends_old[np.maximum.accumulate(np.where(known, np.arange(len(key)), 0))]

    following = following + at_once
    listed = ~at_once | (
        ends_any[following - 1]
        & (key[following] == notes.note_key[note])
        & (tick[following] != midi.notes.onset[note])
    )
    note, following = note[listed], following[listed]
    return notes.paired(note, by_place[following], tick[following])


class _Keyed:
    """Notes and note-offs of a file with their key (track, channel and pitch, numbered densely)."""

    def __init__(self, midi: Midi) -> None:
        self.notes, offs = midi.notes, midi.note_offs
        self.instrument_id = self.notes.track * 16 + self.notes.channel
        keys = np.concatenate(
            [
                self.instrument_id * 128 + self.notes.pitch,
                (offs["track"] * 16 + offs["channel"]) * 128 + offs["pitch"],
            ]
        )
        distinct, dense = np.unique(keys, return_inverse=True)
        self.n_keys = len(distinct)
        self.note_key, self.off_key = np.split(dense.astype(np.int64), [len(self.notes)])
        # Places sort events by key, and inside a key as they stand in the file.
        span = 2 * len(self.notes) + 2
        self.note_place = self.note_key * span + 2 * np.arange(len(self.notes)) + 1
        self.off_place = self.off_key * span + 2 * offs["notes_before"]

    def paired(self, note: IntArray, off: IntArray, end: IntArray) -> PairedNotes:
        """Notes, each with its note-off and end, in the order of the libraries."""
        in_turn = np.lexsort((note, off))
        ids = self.instrument_id[note[in_turn]]
        _, first, dense = np.unique(ids, return_index=True, return_inverse=True)
        instrument = np.argsort(np.argsort(first))[dense]
        by_instrument = np.argsort(instrument, kind="stable")
        order = in_turn[by_instrument]
        note = note[order]
        return PairedNotes(
            self.notes.onset[note],
            end[order],
            self.notes.pitch[note],
            self.notes.velocity[note],
            instrument[by_instrument],
        )


def _changes(values: IntArray) -> NDArray[np.bool_]:
    """Where a run of equal values begins."""
    return np.concatenate([[True], values[1:] != values[:-1]])[: len(values)]


def _rank_in_run(values: IntArray) -> IntArray:
    """0, 1, 2, ... along each run of equal values."""
    index = np.arange(len(values))
    return index - np.maximum.accumulate(np.where(_changes(values), index, 0))
