"""Writing Standard MIDI Files: as much of the format as generated music needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Event = tuple[int, int, bytes]  # tick, rank among events of that tick, message

_META, _NOTE_OFF, _NOTE_ON = range(3)  # a note ends before the next of its pitch begins


@dataclass(frozen=True, slots=True)
class SmfNote:
    """A note to write; onset and end in ticks, onset < end."""

    onset: int
    end: int
    pitch: int  # 0..127
    velocity: int  # 1..127
    channel: int = 0  # 0..15


def smf_bytes(
    tracks: Sequence[Iterable[SmfNote]],
    *,
    ticks_per_beat: int = 480,
    microseconds_per_beat: int = 500_000,
    time_signature: tuple[int, int] = (4, 4),
) -> bytes:
    """The bytes of a MIDI file: format 0 with one track, else format 1 with tempo and time
    signature in a track of their own before the others.

    Args:
        tracks: the notes of each track; notes of one pitch and channel must not overlap.
        ticks_per_beat: 1..32767.
        microseconds_per_beat: the tempo; 500,000 is 120 beats per minute.
        time_signature: numerator and denominator, the latter a power of two.
    """  # noqa: D205  # one sentence
    numerator, denominator = time_signature
    head: list[Event] = [
        (0, _META, b"\xff\x58\x04" + bytes([numerator, denominator.bit_length() - 1, 24, 8])),
        (0, _META, b"\xff\x51\x03" + microseconds_per_beat.to_bytes(3, "big")),
    ]
    bodies = [_note_events(notes) for notes in tracks]
    chunks = [head + bodies[0]] if len(bodies) == 1 else [head, *bodies]
    header = (int(len(chunks) > 1), len(chunks), ticks_per_beat)
    return _chunk(b"MThd", b"".join(field.to_bytes(2, "big") for field in header)) + b"".join(
        _chunk(b"MTrk", _track(events)) for events in chunks
    )


def _note_events(notes: Iterable[SmfNote]) -> list[Event]:
    events = []
    for note in notes:
        on = bytes([0x90 | note.channel, note.pitch, note.velocity])
        off = bytes([0x80 | note.channel, note.pitch, 64])
        events += [(note.onset, _NOTE_ON, on), (note.end, _NOTE_OFF, off)]
    return events


def _track(events: list[Event]) -> bytes:
    data = bytearray()
    now = 0
    for tick, _, message in sorted(events):
        data += _variable_length(tick - now) + message
        now = tick
    return bytes(data) + b"\x00\xff\x2f\x00"


def _variable_length(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "big") + data
