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

from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

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
    channel: IntArray  # 0..15; 9 is percussion
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
    other_ticks: IntArray  # of all events not in a table: text, pressure, system exclusive, ...
    track_ends: IntArray  # shape (n_tracks,): the tick of each track's last event

    @property
    def n_ticks(self) -> int:
        """Length of the whole file in ticks."""
        return int(self.track_ends.max(initial=0))


def read_midi(path: Path) -> Midi:
    """Read one file.

    Raises:
        MidiError: the file cannot be opened, or is not a readable MIDI file; the message names it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MidiError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_midi(data, name=str(path))


def parse_midi(data: bytes, *, name: str = "<bytes>") -> Midi:
    """Parse the bytes of a Standard MIDI File, format 0 or 1, in ticks per beat.

    Raises:
        MidiError: the bytes are not such a file; the message begins with `name`.
    """
    try:
        return _parse(data)
    except _BadMidi as error:
        raise MidiError(f"{name}: {error}") from None
    except IndexError:
        raise MidiError(f"{name}: not a readable MIDI file: an event is cut off") from None


class _BadMidi(Exception):
    pass


def _parse(data: bytes) -> Midi:
    if data[:4] != b"MThd":
        raise _BadMidi("not a MIDI file: it does not begin with MThd")
    header_length = int.from_bytes(data[4:8], "big")
    if len(data) < 14 or header_length < 6:
        raise _BadMidi("not a readable MIDI file: the header is cut off")
    midi_format = int.from_bytes(data[8:10], "big")
    n_tracks = int.from_bytes(data[10:12], "big")
    division = int.from_bytes(data[12:14], "big")
    if midi_format not in (0, 1):
        raise _BadMidi(f"MIDI format {midi_format} is not supported: only 0 and 1 are")
    if division & 0x8000:
        raise _BadMidi("SMPTE time is not supported: only ticks per beat are")
    if division == 0:
        raise _BadMidi("the header says 0 ticks per beat")
    events = _Events()
    chunks = list(_track_chunks(data, 8 + header_length))
    if len(chunks) < n_tracks:
        raise _BadMidi(
            f"not a readable MIDI file: {n_tracks} tracks declared, {len(chunks)} found"
        )
    ends = [_parse_track(data, begin, end, i, events) for i, (begin, end) in enumerate(chunks)]
    return events.to_midi(division, np.array(ends, dtype=np.int64))


def _track_chunks(data: bytes, position: int) -> Iterator[tuple[int, int]]:
    while position + 8 <= len(data):
        kind = data[position : position + 4]
        begin = position + 8
        end = begin + int.from_bytes(data[position + 4 : begin], "big")
        if kind == b"MTrk":
            if end > len(data):
                raise _BadMidi("not a readable MIDI file: a track is cut off")
            yield begin, end
        elif not kind.isascii() or not kind.isalnum():
            return  # padding or garbage after the last track, which every reader ignores
        position = end


class _Events:
    """Flat columns of integers that grow while tracks are read."""

    def __init__(self) -> None:
        # One row per note: onset, end, pitch, velocity, channel, track, closed.
        self.notes = array("q")
        self.tempos = array("q")
        self.time_signatures = array("q")
        self.key_signatures = array("q")
        self.programs = array("q")
        self.controls = array("q")
        self.pitch_bends = array("q")
        self.note_offs = array("q")
        self.other_ticks = array("q")

    def to_midi(self, ticks_per_beat: int, track_ends: IntArray) -> Midi:
        columns = np.array(self.notes, dtype=np.int64).reshape(-1, 7).T.copy()
        onset, end, pitch, velocity, channel, track, closed = columns
        return Midi(
            ticks_per_beat,
            NoteArray(onset, end, pitch, velocity, channel, track, closed.astype(np.bool_)),
            _table(self.tempos, TEMPO),
            _table(self.time_signatures, TIME_SIGNATURE),
            _table(self.key_signatures, KEY_SIGNATURE),
            _table(self.programs, PROGRAM),
            _table(self.controls, CONTROL),
            _table(self.pitch_bends, PITCH_BEND),
            _table(self.note_offs, NOTE_OFF),
            np.array(self.other_ticks, dtype=np.int64),
            track_ends,
        )


def _table(flat: array[int], dtype: np.dtype[np.void]) -> EventArray:
    return np.array(flat, dtype=np.int64).view(dtype)


def _parse_track(data: bytes, position: int, stop: int, track: int, events: _Events) -> int:
    """Append one track's events; return the tick of its last event."""
    notes, note_offs = events.notes, events.note_offs
    sounding: dict[int, list[int]] = {}  # channel * 128 + pitch -> offsets of its open notes
    tick = 0
    status = running = 0
    while position < stop:
        delta = data[position]
        position += 1
        if delta & 0x80:
            delta, position = _variable_length(data, position - 1)
        tick += delta
        status = data[position]
        if status & 0x80:
            position += 1
        elif running:
            status = running
        else:
            raise _BadMidi("not a readable MIDI file: a data byte without a status byte")
        kind = status & 0xF0
        if kind in (0x80, 0x90):
            pitch, velocity = data[position], data[position + 1]
            position += 2
            if (pitch | velocity) & 0x80:
                raise _BadMidi("not a readable MIDI file: a data byte above 127")
            key = (status & 0x0F) << 7 | pitch
            if kind == 0x90 and velocity:
                sounding.setdefault(key, []).append(len(notes))
                notes.extend((tick, tick, pitch, velocity, status & 0x0F, track, 0))
            else:
                note_offs.extend((track, tick, status & 0x0F, pitch, len(notes) // 7))
                for offset in sounding.pop(key, ()):
                    notes[offset + 1] = tick
                    notes[offset + 6] = 1
        elif kind == 0xF0:
            if status == 0xFF and data[position] == 0x2F:
                break  # end of track; what follows inside the chunk is ignored, as readers do
            position = _system_event(data, position, status, track, tick, events)
            continue  # running status goes on behind meta events, as in many files
        else:
            position = _channel_event(data, position, status, track, tick, events)
        running = status
    if position > stop:
        raise _BadMidi("not a readable MIDI file: an event runs past the end of its track")
    for offsets in sounding.values():
        for offset in offsets:
            notes[offset + 1] = tick
    return tick


def _channel_event(
    data: bytes, position: int, status: int, track: int, tick: int, events: _Events
) -> int:
    kind, channel = status & 0xF0, status & 0x0F
    first = data[position]
    if kind in (0xC0, 0xD0):
        second = 0
        position += 1
    else:
        second = data[position + 1]
        position += 2
    if (first | second) & 0x80:
        raise _BadMidi("not a readable MIDI file: a data byte above 127")
    if kind == 0xB0:
        events.controls.extend((track, tick, channel, first, second))
    elif kind == 0xC0:
        events.programs.extend((track, tick, channel, first, len(events.notes) // 7))
    elif kind == 0xE0:
        bend = (second << 7 | first) - 8192
        events.pitch_bends.extend((track, tick, channel, bend, len(events.note_offs) // 5))
    else:
        events.other_ticks.append(tick)
    return position


def _system_event(
    data: bytes, position: int, status: int, track: int, tick: int, events: _Events
) -> int:
    if status not in (0xF0, 0xF7, 0xFF):
        raise _BadMidi(f"not a readable MIDI file: status byte 0x{status:02X} inside a track")
    kind = -1
    if status == 0xFF:
        kind = data[position]
        position += 1
    length, position = _variable_length(data, position)
    body = data[position : position + length]
    if len(body) < length:
        raise _BadMidi("not a readable MIDI file: an event is cut off")
    if kind == 0x51 and length == 3:
        events.tempos.extend((track, tick, int.from_bytes(body, "big")))
    elif kind == 0x58 and length == 4:
        events.time_signatures.extend((track, tick, body[0], 1 << body[1] if body[1] < 32 else 0))
    elif kind == 0x59 and length == 2:
        sharps = int.from_bytes(body[:1], "big", signed=True)
        events.key_signatures.extend((track, tick, sharps, body[1]))
    else:
        events.other_ticks.append(tick)
    return position + length


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for _ in range(4):
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, position
    raise _BadMidi("not a readable MIDI file: a number longer than four bytes")
