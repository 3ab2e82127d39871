"""A Standard MIDI File, byte by byte: its header, its tracks, and their events in file order."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class BadMidi(Exception):  # noqa: N818  # `bench.midi` makes a `MidiError` of it
    """What is wrong with the bytes."""


@dataclass(slots=True)
class EventLog:
    """A file's events as they are read, before anything is made of them."""

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
        """Add a track's events.

        Raises:
            BadMidi: they are not such events.
            StopIteration: the last one is cut off.
        """
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
                    raise BadMidi("a data byte without a status byte")
                first = status
            elif status < 0xF0:
                running = status
                first = read()
            else:
                # Running status goes on after system events, as in many files.
                if not self._read_system_event(stream, status, tick):
                    break
                continue
            add_tick(tick)
            if running & 0xE0 == 0xC0:  # program change and channel pressure have one data byte
                add_message(running << 16 | first << 8)
            else:
                add_message(running << 16 | first << 8 | read())
        self.track_ends.append(tick)
        self.track_sizes.append(len(self.ticks) - before)

    def _read_system_event(self, stream: Iterator[int], status: int, tick: int) -> bool:
        """False at the end of the track; what follows inside the chunk all readers ignore."""
        if status not in (0xF0, 0xF7, 0xFF):
            raise BadMidi(f"status byte 0x{status:02X} inside a track")
        meta = next(stream) if status == 0xFF else None
        if meta == 0x2F:
            return False
        length = _variable_length(stream)
        body = bytes(islice(stream, length))
        if len(body) < length:
            raise BadMidi("an event is cut off")
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


def read_events(data: bytes) -> tuple[int, EventLog]:
    """Ticks per beat, and all events.

    Raises:
        BadMidi: the bytes are not a file of format 0 or 1, in ticks per beat.
    """
    ticks_per_beat, n_tracks, begin = _parse_header(data)
    log = EventLog()
    try:
        for chunk in _track_chunks(data, begin, n_tracks):
            log.read_track(chunk)
    except StopIteration:
        raise BadMidi("an event is cut off") from None
    return ticks_per_beat, log


def _parse_header(data: bytes) -> tuple[int, int, int]:
    """Ticks per beat, number of tracks, and where the first chunk begins."""
    if data[:4] != b"MThd":
        raise BadMidi("it does not begin with MThd")
    length, midi_format, n_tracks, division = (
        int.from_bytes(data[begin:end], "big")
        for begin, end in ((4, 8), (8, 10), (10, 12), (12, 14))
    )
    if len(data) < 14 or length < 6:
        raise BadMidi("the header is cut off")
    if midi_format not in (0, 1):
        raise BadMidi(f"its format is {midi_format}, and only 0 and 1 are supported")
    if division & 0x8000:
        raise BadMidi("its time is SMPTE, and only ticks per beat are supported")
    if division == 0:
        raise BadMidi("it has 0 ticks per beat")
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
                raise BadMidi("a track is cut off")
            found += 1
            yield data[begin + 8 : end]
        begin = end
    if found < n_tracks:
        raise BadMidi(f"{n_tracks} tracks declared, {found} found")


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
    raise BadMidi("a number longer than four bytes")
