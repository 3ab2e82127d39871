"""MIDI files to test with."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple, Protocol

import pytest

from bench.midi import parse_midi

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.midi import Midi


class Note(NamedTuple):
    """A note to write; `end` None for one that is never switched off."""

    onset: int
    end: int | None
    pitch: int
    velocity: int = 64
    channel: int = 0
    track: int = 0


class MakeMidi(Protocol):
    """Builds a MIDI file from notes and other messages (tick, bytes, track)."""

    def __call__(
        self,
        notes: Iterable[tuple[int | None, ...]],
        messages: Iterable[tuple[int, bytes, int]] = (),
        *,
        ticks_per_beat: int = 480,
        end: int = 0,
    ) -> Midi: ...


@pytest.fixture(scope="session")
def make_midi() -> MakeMidi:
    """A maker of MIDI files; at one tick messages come first, then note-offs, then note-ons."""
    return _make_midi


def _make_midi(
    notes: Iterable[tuple[int | None, ...]],
    messages: Iterable[tuple[int, bytes, int]] = (),
    *,
    ticks_per_beat: int = 480,
    end: int = 0,
) -> Midi:
    tracks: defaultdict[int, list[tuple[int, int, bytes]]] = defaultdict(list)
    tracks[0].append((end, 3, b""))
    for tick, message, track in messages:
        tracks[track].append((tick, 0, message))
    for fields in notes:
        note = Note(*fields)  # type: ignore[arg-type]  # None stands only for `end`
        on = bytes([0x90 | note.channel, note.pitch, note.velocity])
        tracks[note.track].append((note.onset, 2, on))
        if note.end is not None:
            off = bytes([0x80 | note.channel, note.pitch, 0])
            tracks[note.track].append((note.end, 1, off))
    chunks = [_track(tracks[i]) for i in range(max(tracks) + 1)]
    header = b"MThd" + _fixed(6, 4) + _fixed(1, 2) + _fixed(len(chunks), 2)
    return parse_midi(header + _fixed(ticks_per_beat, 2) + b"".join(chunks))


def _track(events: list[tuple[int, int, bytes]]) -> bytes:
    body, before = b"", 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        if message:
            body += _delta(tick - before) + message
            before = tick
    last = max((tick for tick, _, _ in events), default=0)
    body += _delta(last - before) + b"\xff\x2f\x00"
    return b"MTrk" + _fixed(len(body), 4) + body


def _fixed(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big")


def _delta(ticks: int) -> bytes:
    digits = [ticks & 0x7F]
    while ticks := ticks >> 7:
        digits.append(ticks & 0x7F | 0x80)
    return bytes(reversed(digits))
