"""MIDI files with as much of one thing as fits: notes, ticks, tracks, tempos, ...

Each is a function of a scale: at 1 it is about as large as a file may be, a few million events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mutants import LONGEST_STEP, variable_length

if TYPE_CHECKING:
    from collections.abc import Callable

_ON, _OFF = b"\x90\x3c\x40", b"\x80\x3c\x00"
_END = b"\0\xff\x2f\0"
_FAR = variable_length(LONGEST_STEP)
_MILLION = 1_000_000


def midi_file(*tracks: bytes, ticks_per_beat: int = 480) -> bytes:
    """A file of these tracks' events."""
    header = (1, len(tracks), ticks_per_beat)
    chunks = (b"MTrk" + len(t + _END).to_bytes(4, "big") + t + _END for t in tracks)
    return b"MThd\0\0\0\6" + b"".join(n.to_bytes(2, "big") for n in header) + b"".join(chunks)


def _each(count: float, event: Callable[[int], bytes]) -> bytes:
    return b"".join(map(event, range(int(count))))


def _held(events: bytes) -> bytes:
    """These events while a note sounds."""
    return midi_file(b"\0" + _ON + events + b"\0" + _OFF)


def _all_notes(scale: float, step: bytes, status: int) -> bytes:
    """Every pitch of every channel, on or off."""
    channels = range(max(int(scale * 16), 1))
    return b"".join(step + bytes([status | c, p, 64]) for c in channels for p in range(128))


def _tempo(microseconds: int) -> bytes:
    return b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def _random_notes(i: int) -> bytes:
    on, off = bytes([0x90 | i % 16, i * 7 % 128, 64]), bytes([0x80 | i % 16, i * 5 % 128, 0])
    return variable_length(97 + i % 89) + on + b"\3" + off


STORMS: dict[str, Callable[[float], bytes]] = {
    "notes on one tick": lambda s: _held(b"\0\x3c\x40" * int(s * _MILLION)),
    "all pitches on one tick": lambda s: _held(
        _each(s * _MILLION, lambda i: bytes([0, i % 128, 64]))
    ),
    "notes in a row": lambda s: _held(b"\1\x3c\0\1\x3c\x40" * int(s * _MILLION)),
    "notes far apart": lambda s: midi_file(
        (_FAR + _ON + _FAR + _OFF) * int(s * 500_000), ticks_per_beat=1
    ),
    "a melody": lambda s: midi_file(
        _each(s * 600_000, lambda i: bytes([96, 0x90, -i % 128, 64, 96, 0x80, -i % 128, 0]))
    ),
    "notes everywhere": lambda s: midi_file(_each(s * 600_000, _random_notes)),
    "notes without end": lambda s: midi_file(
        b"\0\x90\x3c\x40" + b"\1\x3c\x40" * int(s * 2 * _MILLION)
    ),
    "every note, long": lambda s: midi_file(
        _all_notes(s, b"\1", 0x90) + _FAR + _ON + _all_notes(s, b"\0", 0x80)
    ),
    "long notes on many tracks": lambda s: midi_file(
        *[(b"\0" + _ON + _FAR + _OFF) * 16] * int(s * 3000)
    ),
    "tracks": lambda s: midi_file(*[b"\0" + _ON + b"\x60" + _OFF] * int(s * 65_535)),
    "tracks and notes": lambda s: midi_file(
        *[b"\0" + _ON + b"\x60" + _OFF] * int(s * 65_534),
        b"\0\x90\x3c\x40" + b"\x60\x3c\0\1\x3c\x40" * int(s * _MILLION),
    ),
    "all channels of many tracks": lambda s: midi_file(
        *[_each(16, lambda c: bytes([0, 0x90 | c, 60, 64, 9, 0x80 | c, 60, 0]))] * int(s * 50_000)
    ),
    "tempos under one note": lambda s: _held(
        _each(s * _MILLION, lambda i: b"\1" + _tempo(500_000 + i % 65_536))
    ),
    "tempos under all notes": lambda s: midi_file(
        _all_notes(s, b"\0", 0x90)
        + _each(s * _MILLION, lambda i: b"\1" + _tempo(500_000 + i % 2))
        + _all_notes(s, b"\0", 0x80)
    ),
    "tempos between notes": lambda s: midi_file(
        _each(
            s * 500_000, lambda i: b"\1" + _tempo(400_000 + i % 65_536) + b"\1\x90\x3c\x40\1\x3c\0"
        )
    ),
    "slow tempos": lambda s: midi_file(
        _each(s * 500_000, lambda i: b"\0" + _tempo(0xFFFFFF - i % 9) + b"\0" + _ON + b"\1" + _OFF),
        ticks_per_beat=1,
    ),
    "no time": lambda _: midi_file(b"\0" + _tempo(0) + b"\0" + _ON + b"\x60" + _OFF),
    "no time at first": lambda _: midi_file(
        b"\0" + _tempo(0) + b"\0" + _ON + b"\x60" + _tempo(9) + b"\0\x90\x40\x40\x60" + _OFF
    ),
    "programs": lambda s: _held(
        _each(s * _MILLION, lambda i: bytes([0, 0xC0, i % 128, 0, 0x90, 60, 64]))
    ),
    "bends": lambda s: _held(
        _each(s * _MILLION, lambda i: bytes([1, 0xE0, i % 128, 64, 1, 0x80, 60, 0]))
    ),
    "volumes": lambda s: _held(_each(s * 2 * _MILLION, lambda i: bytes([1, 0xB0, 7, i % 128]))),
    "metres": lambda s: _held(
        _each(s * _MILLION, lambda i: bytes([1, 0xFF, 0x58, 4, i % 256, i // 256 % 256, 0, 8]))
    ),
    "texts": lambda s: _held(b"\1\xff\1\0" * int(s * 2 * _MILLION)),
}
