"""Mutants of the synthetic dataset's MIDI files: of their bytes, and of what the bytes mean.

Most mutated bytes make a file unreadable, so what lies behind the reader is reached by mutating
the events themselves. A mutant is a function of its number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from bench.datasets.synthetic import compose

if TYPE_CHECKING:
    from collections.abc import Callable

    Mutation = Callable[[Random, "Song"], None]

LONGEST_STEP = (1 << 28) - 1  # ticks between two events
_STEPS = (0, 1, 127, 128, 480, 16_383, 16_384, 1 << 21, LONGEST_STEP)
_ODD_BYTES = (0x00, 0x01, 0x2F, 0x51, 0x7F, 0x80, 0x90, 0xC0, 0xF0, 0xF7, 0xFF)
_END = b"\xff\x2f\x00"


@dataclass(slots=True)
class Event:
    """A message and the ticks that pass before it."""

    step: int
    message: bytes


@dataclass(slots=True)
class Song:
    """What a MIDI file says, and the lies it tells about itself."""

    form: int
    division: int
    tracks: list[list[Event]]
    running_status: bool = False
    n_tracks: int | None = None  # declared; None: the truth
    longer: dict[int, int] = field(default_factory=dict)  # track -> declared bytes too many
    header_length: int = 6

    def to_bytes(self) -> bytes:
        """The file."""
        n_tracks = len(self.tracks) if self.n_tracks is None else self.n_tracks
        fields = (self.form & 0xFFFF, n_tracks & 0xFFFF, self.division & 0xFFFF)
        data = b"MThd" + self.header_length.to_bytes(4, "big")
        data += b"".join(number.to_bytes(2, "big") for number in fields)
        for i, track in enumerate(self.tracks):
            body = self._body(track)
            length = (len(body) + self.longer.get(i, 0)) % (1 << 32)
            data += b"MTrk" + length.to_bytes(4, "big") + body
        return data

    def _body(self, track: list[Event]) -> bytes:
        body, status = bytearray(), b""
        for event in track:
            message = event.message
            if self.running_status and message[:1] == status and status < b"\xf0":
                message = message[1:]
            elif message[:1] < b"\xf0":
                status = message[:1]
            body += variable_length(event.step) + message
        return bytes(body)


def mutant(number: int) -> bytes:
    """The bytes of the mutant of this number."""
    random = Random(number)  # noqa: S311  # no secret
    song = _song(random.choice(_originals()))
    for mutation in random.choices(_MUTATIONS, k=random.randint(1, 5)):
        mutation(random, song)
    data = bytearray(song.to_bytes())
    if random.random() < 0.25:
        for _ in range(random.randint(1, 4)):
            _change_bytes(random, data)
    return bytes(data)


def variable_length(number: int) -> bytes:
    """A number as MIDI files write it, up to four bytes."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(number & 0x7F | 0x80)
    return bytes(reversed(groups))


@cache
def _originals() -> list[bytes]:
    return [clip.content for clip in islice(compose(), 60)]


def _song(data: bytes) -> Song:
    """The song of a file that `bench.datasets.smf` wrote."""
    song = Song(*(int.from_bytes(data[at : at + 2], "big") for at in (8, 12)), tracks=[])
    at = 14
    while at < len(data):
        end = at + 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        song.tracks.append(_events(data[at + 8 : end]))
        at = end
    return song


def _events(body: bytes) -> list[Event]:
    events, at = [], 0
    while at < len(body):
        step = 0
        while body[at] & 0x80:
            step, at = step << 7 | body[at] & 0x7F, at + 1
        step, at = step << 7 | body[at], at + 1
        size = 3 + body[at + 2] if body[at] == 0xFF else 3
        events.append(Event(step, body[at : at + size]))
        at += size
    return events


# Mutations of what a file says.


def _some_track(random: Random, song: Song) -> list[Event]:
    return random.choice(song.tracks) if song.tracks else []


def _some_events(random: Random, song: Song) -> list[Event]:
    track = _some_track(random, song)
    return random.sample(track, random.randint(1, len(track))) if track else []


def _change_steps(random: Random, song: Song) -> None:
    for event in _some_events(random, song)[: random.choice((1, 3, 1000))]:
        event.step = random.choice(_STEPS)


def _stop_time(random: Random, song: Song) -> None:
    for event in _some_track(random, song):
        event.step = 0


def _stretch_time(random: Random, song: Song) -> None:
    factor = random.choice((2, 1000, 1 << 16))
    for event in _some_track(random, song):
        event.step = min(event.step * factor, LONGEST_STEP)


def _drop_events(random: Random, song: Song) -> None:
    track = _some_track(random, song)
    share = random.random()
    track[:] = [event for event in track if random.random() < share]


def _drop_ends(random: Random, song: Song) -> None:
    track = _some_track(random, song)
    track[:] = [event for event in track if event.message[0] >> 4 != 8]


def _repeat_events(random: Random, song: Song) -> None:
    track = _some_track(random, song)
    copies = [Event(e.step, e.message) for e in track if e.message != _END]
    track[:0] = copies * random.choice((1, 2, 10))


def _shuffle_events(random: Random, song: Song) -> None:
    random.shuffle(_some_track(random, song))


def _change_channels(random: Random, song: Song) -> None:
    channels = random.choice(([9], [0, 9], range(16)))
    for event in _some_events(random, song):
        if event.message[0] < 0xF0:
            status = event.message[0] & 0xF0 | random.choice(channels)
            event.message = bytes([status]) + event.message[1:]


def _change_notes(random: Random, song: Song) -> None:
    pitches = random.choice(([0, 127], [60], range(128)))
    velocities = random.choice(([0], [1, 127], range(128)))
    for event in _some_events(random, song):
        if event.message[0] < 0xF0:
            event.message = bytes(
                [event.message[0], random.choice(pitches), random.choice(velocities)]
            )


def _add_odd_events(random: Random, song: Song) -> None:
    track = _some_track(random, song)
    kind = random.choice(_ODD_EVENTS)
    for _ in range(random.choice((1, 2, 50))):
        event = Event(random.choice(_STEPS[: random.randint(1, 9)]), kind(random))
        track.insert(random.randint(0, len(track)), event)


def _meta(kind: int, data: bytes) -> bytes:
    return bytes([0xFF, kind]) + variable_length(len(data)) + data


_ODD_EVENTS: tuple[Callable[[Random], bytes], ...] = (
    lambda r: _meta(0x51, r.choice((0, 1, 500_000, 0xFFFFFF)).to_bytes(3, "big")),
    lambda _: _meta(0x51, bytes(3)),
    lambda r: _meta(0x51, r.randbytes(r.randint(0, 5))),
    lambda r: _meta(0x58, r.randbytes(4)),
    lambda _: _meta(0x58, bytes(4)),
    lambda r: _meta(0x59, r.randbytes(2)),
    lambda r: _meta(r.randrange(128), r.randbytes(r.choice((0, 1, 300)))),
    lambda _: _END,
    lambda r: b"\xf0" + variable_length(4) + r.randbytes(4),
    lambda r: bytes([0xC0 | r.randrange(16), r.randrange(128)]),
    lambda r: bytes([0xB0 | r.randrange(16), 7, r.choice((0, 1, 127))]),
    lambda r: bytes([0xE0 | r.randrange(16), r.randrange(128), r.randrange(128)]),
    lambda r: bytes([0xD0 | r.randrange(16), r.randrange(128)]),
    lambda r: bytes([0x90 | r.randrange(16), r.randrange(128), r.randrange(128)]),
    lambda r: bytes([r.randrange(0x80, 0x100)]) + r.randbytes(2),
)


def _add_tracks(random: Random, song: Song) -> None:
    for _ in range(random.choice((1, 2, 20))):
        track = random.choice(([], _some_track(random, song)))
        song.tracks.append([Event(event.step, event.message) for event in track])


def _drop_track(random: Random, song: Song) -> None:
    if song.tracks:
        song.tracks.pop(random.randrange(len(song.tracks)))


def _join_tracks(_: Random, song: Song) -> None:
    song.tracks = [[e for track in song.tracks for e in track if e.message != _END]]


# Mutations of what a file says of itself.


def _change_division(random: Random, song: Song) -> None:
    song.division = random.choice((1, 2, 3, 24, 96, 0x7FFF, 0x7FFF, 0, 0x8000, 0xE728))


def _change_format(random: Random, song: Song) -> None:
    song.form = random.choice((0, 0, 1, 1, 2, 0xFFFF))


def _lie_about_tracks(random: Random, song: Song) -> None:
    song.n_tracks = random.choice((0, 1, len(song.tracks) - 1, len(song.tracks) + 1, 0xFFFF))


def _lie_about_length(random: Random, song: Song) -> None:
    track = random.randrange(len(song.tracks) + 1)
    song.longer[track] = random.choice((-1, 1, -10, 10, 1 << 31, (1 << 32) - 1))


def _lie_about_header(random: Random, song: Song) -> None:
    song.header_length = random.choice((0, 5, 7, 14, (1 << 32) - 1))


def _use_running_status(_: Random, song: Song) -> None:
    song.running_status = True


_LIES: tuple[Mutation, ...] = (_lie_about_tracks, _lie_about_length, _lie_about_header)
_MUTATIONS: tuple[Mutation, ...] = (
    *(_change_steps, _stop_time, _stretch_time, _change_division) * 2,
    *(_drop_events, _drop_ends, _repeat_events, _shuffle_events) * 2,
    *(_change_channels, _change_notes, _add_tracks, _join_tracks, _use_running_status) * 2,
    *(_add_odd_events,) * 6,
    *(_drop_track, _change_format),
    *_LIES,
)


# Mutations of bytes.


def _change_bytes(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data) + 1)
    size = random.choice((1, 1, 2, 4, 40))
    match random.randrange(6):
        case 0:
            data[at : at + 1] = bytes([random.choice(_ODD_BYTES)])
        case 1:
            data[at : at + size] = random.randbytes(size)
        case 2:
            data[at:at] = random.randbytes(size)
        case 3:
            del data[at : at + size]
        case 4:
            data[at:at] = data[at : at + 20 * size]
        case _:
            del data[at:]
