"""Standard MIDI files as arrays: every event the encodings, labels and features need, read once.

Why a reader of our own: the programs this benchmark must reproduce depend on the order of events
in the file. music21, pretty_midi and jSymbolic end a note at the *next* note-off of its pitch and
channel, overlapping notes sharing it, as `NoteArray` does; miditoolkit gives each note a note-off
of its own, which `Midi.note_offs` allows. Fast readers pair notes otherwise and drop channels and
event order; mido keeps both but needs ten times the time.

A pure function of the bytes: no clock, no global state, no guessing. A file that cannot be read as
a whole is refused with one line that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UserError
from bench.midi_events import BadMidi, read_events

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.midi_events import EventLog

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    EventArray = NDArray[np.void]

TEMPO = np.dtype([("track", "i8"), ("tick", "i8"), ("microseconds_per_beat", "i8")])
TIME_SIGNATURE = np.dtype(
    [("track", "i8"), ("tick", "i8"), ("numerator", "i8"), ("denominator", "i8")]
)
KEY_SIGNATURE = np.dtype([("track", "i8"), ("tick", "i8"), ("sharps", "i8"), ("minor", "i8")])
#: `notes_before`: how many of the file's notes begin earlier in the file.
PROGRAM = np.dtype(
    [("track", "i8"), ("tick", "i8"), ("channel", "i8"), ("program", "i8"), ("notes_before", "i8")]
)
CONTROL = np.dtype(
    [("track", "i8"), ("tick", "i8"), ("channel", "i8"), ("controller", "i8"), ("value", "i8")]
)
#: `note_offs_before`: how many of the file's note-offs come earlier in the file.
PITCH_BEND = np.dtype(
    [("track", "i8"), ("tick", "i8"), ("channel", "i8"), ("bend", "i8"), ("note_offs_before", "i8")]
)
#: `notes_before`: how many of the file's notes begin earlier in the file.
NOTE_OFF = np.dtype(
    [("track", "i8"), ("tick", "i8"), ("channel", "i8"), ("pitch", "i8"), ("notes_before", "i8")]
)

# The upper half of a channel message's status byte.
_NOTE_OFF, _NOTE_ON, _KEY_PRESSURE, _CONTROL = 0x8, 0x9, 0xA, 0xB
_PROGRAM, _CHANNEL_PRESSURE, _BEND = 0xC, 0xD, 0xE

#: MIDI channel 10, counted from 0.
PERCUSSION = 9

#: Microseconds per beat, until a file names a tempo.
DEFAULT_TEMPO = 500_000

#: Bytes; several times the longest performances, and little enough to hold.
LARGEST_FILE = 8 << 20
_USUAL_FILE = 1 << 16


class MidiError(UserError):
    """A file that is not a MIDI file this benchmark can read."""


@dataclass(frozen=True, slots=True, eq=False)
class NoteArray:
    """Notes as parallel int64 arrays of shape (n_notes,), in file order: by track, then by event.

    A note lasts from its note-on to the next note-off of the same pitch and channel in its track
    (a note-on of velocity 0 counts as a note-off); overlapping notes of one pitch share it. A note
    that is never switched off lasts to the end of its track and has ``closed`` False.
    """

    onset: IntArray  # ticks
    end: IntArray  # ticks, >= onset
    pitch: IntArray  # 0..127
    velocity: IntArray  # 1..127
    channel: IntArray  # 0..15; see `PERCUSSION`
    track: IntArray  # 0..n_tracks-1
    closed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.onset)

    def __getitem__(self, index: NDArray[np.bool_] | IntArray | slice) -> NoteArray:
        return NoteArray(
            self.onset[index],
            self.end[index],
            self.pitch[index],
            self.velocity[index],
            self.channel[index],
            self.track[index],
            self.closed[index],
        )

    @property
    def duration(self) -> IntArray:
        """Lengths in ticks, shape (n_notes,)."""
        return self.end - self.onset


@dataclass(frozen=True, slots=True, eq=False)
class Midi:
    """One MIDI file. Event tables are structured arrays in file order; ticks are absolute."""

    ticks_per_beat: int
    notes: NoteArray
    tempos: EventArray  # TEMPO
    time_signatures: EventArray  # TIME_SIGNATURE; denominator as written: 8 in 6/8
    key_signatures: EventArray  # KEY_SIGNATURE; sharps < 0 are flats
    programs: EventArray  # PROGRAM
    controls: EventArray  # CONTROL
    pitch_bends: EventArray  # PITCH_BEND; -8192..8191
    note_offs: EventArray  # NOTE_OFF; all of them, for encodings that pair notes by another rule
    other_ticks: IntArray  # of all events not in a table (text, pressure, ...), in any order
    track_ends: IntArray  # shape (n_tracks,): the tick of each track's last event

    @property
    def n_ticks(self) -> int:
        """Length of the whole file in ticks."""
        return int(self.track_ends.max(initial=0))

    def seconds(self, ticks: IntArray) -> FloatArray:
        """Times of `ticks`, same shape, through the tempo changes of all tracks."""
        tempos = self.tempos[np.argsort(self.tempos["tick"], kind="stable")]
        change = np.append(0, tempos["tick"])
        per_tick = np.append(DEFAULT_TEMPO, tempos["microseconds_per_beat"]) / (
            1e6 * self.ticks_per_beat
        )
        elapsed = np.append(0.0, np.cumsum(np.diff(change) * per_tick[:-1]))
        last = np.searchsorted(change, ticks, side="right") - 1
        seconds: FloatArray = elapsed[last] + (ticks - change[last]) * per_tick[last]
        return seconds


def read_midi(path: Path) -> Midi:
    """Read one file.

    Raises:
        MidiError: the file cannot be opened, or is not a readable MIDI file; the message names it.
    """
    return parse_midi(read_bytes(path), name=str(path))


def read_bytes(path: Path) -> bytes:
    """The content of one file; of one over `LARGEST_FILE` as much as shows that it is.

    Raises:
        MidiError: the file cannot be opened; the message names it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_USUAL_FILE)  # for what it is asked for, `read` sets memory aside
            if len(data) == _USUAL_FILE:
                data += file.read(LARGEST_FILE + 1 - _USUAL_FILE)
            return data
    except OSError as error:
        raise MidiError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name that no file can have
        raise MidiError(f"{path}: cannot be read: {error}") from error


def parse_midi(data: bytes, *, name: str = "<bytes>") -> Midi:
    """Parse the bytes of a Standard MIDI File, format 0 or 1, in ticks per beat.

    Raises:
        MidiError: the bytes are not such a file; the message begins with `name`.
    """
    bad = f"{name}: not a readable MIDI file"
    if len(data) > LARGEST_FILE:
        raise MidiError(f"{bad}: it is larger than {LARGEST_FILE:,} bytes")
    try:
        return _midi_of(*read_events(data))
    except BadMidi as error:
        raise MidiError(f"{bad}: {error}") from None


def _midi_of(ticks_per_beat: int, log: EventLog) -> Midi:
    """What the events mean, worked out for all of them at once."""
    messages = np.array(log.messages, dtype=np.int64)
    if np.any(messages & 0x8080):
        raise BadMidi("a data byte above 127")
    tick = np.array(log.ticks, dtype=np.int64)
    ends = np.array(log.track_ends, dtype=np.int64)
    track = np.repeat(np.arange(len(ends)), np.array(log.track_sizes, dtype=np.int64))
    kind, channel = messages >> 20, messages >> 16 & 0x0F
    first, second = messages >> 8 & 0x7F, messages & 0x7F
    on = (kind == _NOTE_ON) & (second > 0)
    off = (kind == _NOTE_OFF) | ((kind == _NOTE_ON) & (second == 0))
    notes = np.flatnonzero(on)
    ender = _next_off(on, off, track << 11 | channel << 7 | first)[notes]
    closed = ender >= 0
    end = np.where(closed, tick[ender], ends[track[notes]])
    pressure = (kind == _KEY_PRESSURE) | (kind == _CHANNEL_PRESSURE)
    notes_before, note_offs_before = np.cumsum(on), np.cumsum(off)

    def table(dtype: np.dtype[np.void], rows: NDArray[np.bool_], *more: IntArray) -> EventArray:
        filled = np.empty(np.count_nonzero(rows), dtype)
        for name, column in zip(dtype.names or (), (track, tick, channel, *more), strict=True):
            filled[name] = column[rows]
        return filled

    return Midi(
        ticks_per_beat,
        NoteArray(
            onset=tick[notes],
            end=end,
            pitch=first[notes],
            velocity=second[notes],
            channel=channel[notes],
            track=track[notes],
            closed=closed,
        ),
        np.array(log.tempos, TEMPO),
        np.array(log.time_signatures, TIME_SIGNATURE),
        np.array(log.key_signatures, KEY_SIGNATURE),
        table(PROGRAM, kind == _PROGRAM, first, notes_before),
        table(CONTROL, kind == _CONTROL, first, second),
        table(PITCH_BEND, kind == _BEND, (second << 7 | first) - 8192, note_offs_before),
        table(NOTE_OFF, off, first, notes_before),
        np.append(np.array(log.other_ticks, np.int64), tick[pressure]),
        ends,
    )


def _next_off(on: NDArray[np.bool_], off: NDArray[np.bool_], sound: IntArray) -> IntArray:
    """For each message the index of the next note-off of the same sound, or -1."""
    rows = np.flatnonzero(on | off)
    rows = rows[np.argsort(sound[rows], kind="stable")]
    # Among the rows of one sound, in file order: the nearest note-off from each row on.
    place = np.where(off[rows], np.arange(len(rows)), len(rows))
    place = np.minimum.accumulate(place[::-1])[::-1]
    following = np.append(rows, -1)[place]
    following[sound[following] != sound[rows]] = -1
    result = np.full(len(on), -1)
    result[rows] = following
    return result
