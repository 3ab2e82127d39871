from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.tokens.pairing import pair_shared

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    Message = tuple[int, int, bool]  # tick, pitch, whether a note begins


def _by_the_book(messages: list[Message]) -> list[tuple[int, int, int, int]]:
    """pretty_midi's loop: onset, end, pitch and velocity, which is the message's number."""
    notes = []
    sounding: dict[int, list[tuple[int, int]]] = {}
    for number, (tick, pitch, begins) in enumerate(messages, start=1):
        if begins:
            sounding.setdefault(pitch, []).append((tick, number))
        else:
            open_notes = sounding.pop(pitch, [])
            ended = [note for note in open_notes if note[0] != tick]
            if ended:
                sounding[pitch] = [note for note in open_notes if note[0] == tick]
            notes += [(onset, tick, pitch, velocity) for onset, velocity in ended]
    return notes


def test_shared_note_offs_end_what_pretty_midis_loop_ends(midi_of: Callable[..., Midi]) -> None:
    random = np.random.default_rng(0)
    for _ in range(2000):
        n = int(random.integers(1, 20))
        ticks = np.cumsum(random.choice([0, 0, 1], n)).tolist()
        pitches = random.integers(60, 60 + int(random.integers(1, 3)), n).tolist()
        messages = list(zip(ticks, pitches, (random.random(n) < 0.5).tolist(), strict=True))
        midi = midi_of(
            [
                (tick, bytes([0x90 if begins else 0x80, pitch, number]))
                for number, (tick, pitch, begins) in enumerate(messages, start=1)
            ]
        )
        paired = pair_shared(midi)
        found = zip(paired.onset, paired.end, paired.pitch, paired.velocity, strict=True)
        assert list(found) == _by_the_book(messages), messages
