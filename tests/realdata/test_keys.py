"""The keys of both datasets against music21's own answers."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from bench.keys import find_key
from bench.midi import parse_midi

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.realdata.conftest import MidiArchive


@pytest.mark.parametrize(("dataset", "n_keys"), [("emopia", 1071), ("vgmidi", 7099)])
def test_every_key_is_music21s(
    dataset: str, n_keys: int, golden: Path, midi_archives: Mapping[str, MidiArchive]
) -> None:
    with (golden / "key_labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] == dataset]
    wrong = []
    for row in rows:
        key = find_key(parse_midi(midi_archives[dataset][row["clip"]], name=row["clip"]))
        same = (key.name if key else "") == row["key"]
        if not same or (key and abs(key.r - float(row["r"])) > 1e-9):
            wrong.append(f"{row['clip']}: {key}, not {row['key']} {row['r']}")
    assert wrong == []
    assert sum(bool(row["key"]) for row in rows) == n_keys
