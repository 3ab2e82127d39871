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
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

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
    try:
        ticks_per_beat, n_tracks, begin = _parse_header(data)
        log = _EventLog()
        for chunk in _track_chunks(data, begin, n_tracks):
            log.read_track(chunk)
        return log.to_midi(ticks_per_beat)
    except _BadMidi as error:
        raise MidiError(f"{name}: not a readable MIDI file: {error}") from None
    except StopIteration:
        raise MidiError(f"{name}: not a readable MIDI file: an event is cut off") from None


class _BadMidi(Exception):  # noqa: N818  # never leaves this module
    pass


def _parse_header(data: bytes) -> tuple[int, int, int]:
    """Ticks per beat, number of tracks, and where the first chunk begins."""
    if len(data) > LARGEST_FILE:
        raise _BadMidi(f"it is larger than {LARGEST_FILE:,} bytes")
    if data[:4] != b"MThd":
        raise _BadMidi("it does not begin with MThd")
    length, midi_format, n_tracks, division = (
        int.from_bytes(data[begin:end], "big")
        for begin, end in ((4, 8), (8, 10), (10, 12), (12, 14))
    )
    if len(data) < 14 or length < 6:
        raise _BadMidi("the header is cut off")
    if midi_format not in (0, 1):
        raise _BadMidi(f"its format is {midi_format}, and only 0 and 1 are supported")
    if division & 0x8000:
        raise _BadMidi("its time is SMPTE, and only ticks per beat are supported")
    if division == 0:
        raise _BadMidi("it has 0 ticks per beat")
    return division, n_tracks, 8 + length


def _track_chunks(data: bytes, begin: int, n_tracks: int) -> Iterator[bytes]:
    """The events of each track; chunks of other kinds are skipped."""
    found = 0
    while found < n_tracks and begin + 8 <= len(data):
        kind = data[begin : begin + 4]
        if not kind.isalnum():
            break  # garbage, which no length follows
        end = begin + 8 + int.from_bytes(data[begin + 4 : begin + 8], "big")
        if kind == b"MTrk":
            if end > len(data):
                raise _BadMidi("a track is cut off")
            found += 1
            yield data[begin + 8 : end]
        begin = end
    if found < n_tracks:
        raise _BadMidi(f"{n_tracks} tracks declared, {found} found")


@dataclass(slots=True)
class _EventLog:
    """A file's events as they are read. What they mean is worked out for all of them at once."""

    # Channel messages: tick, and status, first and second data byte as one number.
    ticks: array[int] = field(default_factory=lambda: array("q"))
    messages: array[int] = field(default_factory=lambda: array("q"))
    tempos: list[tuple[int, ...]] = field(default_factory=list)
    time_signatures: list[tuple[int, ...]] = field(default_factory=list)
    key_signatures: list[tuple[int, ...]] = field(default_factory=list)
    other_ticks: list[int] = field(default_factory=list)
    # For each track read so far: its last tick, and the number of its channel messages.
    track_ends: list[int] = field(default_factory=list)
    track_sizes: list[int] = field(default_factory=list)

    def read_track(self, data: bytes) -> None:
        add_tick, add_message = self.ticks.append, self.messages.append
        before = len(self.ticks)
        stream = iter(data)
        read = stream.__next__
        tick = running = 0
        for delta in stream:
            tick += delta if delta < 0x80 else _variable_length(stream, delta)
            status = read()
            if status < 0x80:
                if not running:
                    raise _BadMidi("a data byte without a status byte")
                first = status
            elif status < 0xF0:
                running = status
                first = read()
            else:
                # Running status goes on behind system events, as in many files.
                if not self.read_system_event(stream, status, tick):
                    break
                continue
            add_tick(tick)
            if running & 0xE0 == 0xC0:  # program change and channel pressure have one data byte
                add_message(running << 16 | first << 8)
            else:
                add_message(running << 16 | first << 8 | read())
        self.track_ends.append(tick)
        self.track_sizes.append(len(self.ticks) - before)

    def read_system_event(self, stream: Iterator[int], status: int, tick: int) -> bool:
        """False at the end of the track; what follows inside the chunk all readers ignore."""
        if status not in (0xF0, 0xF7, 0xFF):
            raise _BadMidi(f"status byte 0x{status:02X} inside a track")
        meta = next(stream) if status == 0xFF else None
        if meta == 0x2F:
            return False
        length = _variable_length(stream)
        body = bytes(islice(stream, length))
        if len(body) < length:
            raise _BadMidi("an event is cut off")
        track = len(self.track_ends)
        if meta == 0x51 and length == 3:
            self.tempos.append((track, tick, int.from_bytes(body, "big")))
        elif meta == 0x58 and length == 4:
            denominator = 1 << body[1] if body[1] < 32 else 0
            self.time_signatures.append((track, tick, body[0], denominator))
        elif meta == 0x59 and length == 2:
            sharps = int.from_bytes(body[:1], "big", signed=True)
            self.key_signatures.append((track, tick, sharps, body[1]))
        else:
            self.other_ticks.append(tick)
        return True

    def to_midi(self, ticks_per_beat: int) -> Midi:
        messages = np.array(self.messages, dtype=np.int64)
        if np.any(messages & 0x8080):
            raise _BadMidi("a data byte above 127")
        tick = np.array(self.ticks, dtype=np.int64)
        ends = np.array(self.track_ends, dtype=np.int64)
        track = np.repeat(np.arange(len(ends)), np.array(self.track_sizes, dtype=np.int64))
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
            np.array(self.tempos, TEMPO),
            np.array(self.time_signatures, TIME_SIGNATURE),
            np.array(self.key_signatures, KEY_SIGNATURE),
            table(PROGRAM, kind == _PROGRAM, first, notes_before),
            table(CONTROL, kind == _CONTROL, first, second),
            table(PITCH_BEND, kind == _BEND, (second << 7 | first) - 8192, note_offs_before),
            table(NOTE_OFF, off, first, notes_before),
            np.append(np.array(self.other_ticks, np.int64), tick[pressure]),
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


def _variable_length(stream: Iterator[int], byte: int | None = None) -> int:
    """The number that `byte`, or else the next one, begins."""
    byte = next(stream) if byte is None else byte
    value = byte & 0x7F
    for _ in range(3):
        if byte < 0x80:
            return value
        byte = next(stream)
        value = value << 7 | byte & 0x7F
    if byte < 0x80:
        return value
    raise _BadMidi("a number longer than four bytes")
