"""The values that methods learn from stay what they are, but for a new version."""

from __future__ import annotations

import csv
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines import panda
from baselines.jsymbolic.native import catalogue
from bench.datasets import load_dataset
from bench.datasets.smf import SmfNote, smf_bytes
from bench.midi import parse_midi

if TYPE_CHECKING:
    from bench.derived import Derivation
    from bench.midi import Midi


def _made_up() -> Midi:
    """In 3/4: a melody with short notes and rests, slow chords of another channel, and a drum."""
    random = Random(0)  # noqa: S311  # no secret

    def drawn(*choices: int) -> int:
        return choices[int(random.random() * len(choices))]

    melody, onset, pitch = [], 0, 72
    while onset < 48 * 480:
        length = drawn(60, 80, 120, 160, 240, 240, 480, 480, 720, 1440)
        pitch = min(max(pitch + drawn(-10, -8, -3, -2, -1, 0, 0, 1, 2, 4, 8, 12), 48), 96)
        melody.append(SmfNote(onset, onset + length, pitch, 30 + drawn(*range(90))))
        onset += length + drawn(0, 0, 0, 0, 60, 240)
    chords = [
        SmfNote(at, at + drawn(960, 1200, 1400), 36 + drawn(*range(5)) + 7 * voice, 64, channel=1)
        for at in range(0, 48 * 480, 1440)
        for voice in range(3)
    ]
    drums = [SmfNote(at, at + 120, 38, 90, channel=9) for at in range(480, 48 * 480, 1440)]
    return parse_midi(
        smf_bytes([melody, chords, drums], microseconds_per_beat=600_000, time_signature=(3, 4))
    )


@pytest.mark.parametrize(
    ("what", "columns"),
    [(catalogue.JSYMBOLIC, catalogue.COLUMNS), (panda.PANDA_EXTRA, panda.COLUMNS)],
    ids=["jsymbolic", "panda"],
)
def test_a_version_is_a_promise_about_every_value(
    what: Derivation, columns: tuple[str, ...]
) -> None:
    """Other means want another version, under which caches are kept, and a file of that version.

    It has a line for each column: name and mean over these pieces.
    """
    clips = load_dataset("synthetic").test[::4]
    pieces = [*(clip.midi for clip in clips), _made_up()]
    means = np.concatenate([what.compute(midi) for midi in pieces]).mean(axis=0)
    kept = Path(__file__).parent / "values" / f"{what.name}-{what.version}.csv"
    with kept.open(encoding="utf-8", newline="") as file:
        expected = {name: float(mean) for name, mean in csv.reader(file)}
    found = dict(zip(columns, means.tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
