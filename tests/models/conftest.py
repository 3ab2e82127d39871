from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.datasets import load_dataset
from bench.datasets.smf import SmfNote
from bench.midi import parse_midi
from tests.models import small

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.clips import Clip
    from bench.derived import Derivation
    from bench.midi import Midi

    # tick, event bytes
    Events = Sequence[tuple[int, bytes]]


def _variable_length(number: int) -> bytes:
    return bytes(
        [
            0x80 | number >> 21 & 127,
            0x80 | number >> 14 & 127,
            0x80 | number >> 7 & 127,
            number & 127,
        ]
    )


def _midi_of(*tracks: Events, beat: int = 480) -> Midi:
    data = b"MThd" + bytes([0, 0, 0, 6, 0, 1, 0, len(tracks)]) + beat.to_bytes(2, "big")
    for track in tracks:
        ticks = [0, *(tick for tick, _ in track)]
        body = b"".join(
            _variable_length(tick - before) + event
            for before, (tick, event) in zip(ticks, track, strict=False)
        )
        body += b"\0\xff\x2f\0"
        data += b"MTrk" + len(body).to_bytes(4, "big") + body
    return parse_midi(data)


@pytest.fixture(scope="session")
def digest_of() -> Callable[[Derivation], str]:
    """The sha256 of what a derivation makes of all synthetic clips."""

    def digest(derivation: Derivation) -> str:
        data = load_dataset("synthetic")
        found = hashlib.sha256()
        for clip in (*data.train, *data.valid, *data.test):
            found.update(np.asarray(derivation.compute(clip.midi)).astype("<i8").tobytes())
        return found.hexdigest()

    return digest


@pytest.fixture(scope="session")
def midi_of() -> Callable[..., Midi]:
    """Make a MIDI file of tracks, each a sequence of (tick, event bytes) in the order of time."""
    return _midi_of


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing derived is shared with other tests."""
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """40 clips that tell their quadrant by register; one has no note, some fill two segments."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(40):
        quadrant = i % 4
        length = 0 if i == 17 else int(rng.integers(3, 40))
        onsets = np.cumsum(rng.integers(60, 480, length))
        notes = [
            SmfNote(int(on), int(on) + 200, int(rng.integers(0, 15)) + 30 + 15 * quadrant, 64)
            for on in onsets
        ]
        made.append(small.clip(tmp_path, f"clip{i}", notes, quadrant))
    return made
