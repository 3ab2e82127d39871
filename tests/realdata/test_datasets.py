"""The committed manifests against the archives that they were made from."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from bench.datasets import load_dataset
from bench.datasets.builtin import BUILT_IN, SOURCES
from bench.datasets.fetch import fetch
from bench.datasets.make_manifest import main

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mirror(midi_archives: Mapping[str, Any]) -> Path:
    """The folder of the published archives."""
    folder: Path = midi_archives["emopia"].path.parent
    return folder


def test_the_manifests_can_be_made_again(mirror: Path, tmp_path: Path) -> None:
    command = [str(mirror), "--output", str(tmp_path)]
    CliRunner().invoke(main, command, catch_exceptions=False)
    for name in BUILT_IN:
        committed = ROOT / f"bench/datasets/manifests/{name}.csv"
        assert (tmp_path / f"{name}.csv").read_bytes() == committed.read_bytes(), name


def test_fetched_clips_are_labelled_as_published(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMER_BENCH_DATA", str(tmp_path))
    fetch("vgmidi", mirror)
    dataset = load_dataset("vgmidi")
    quadrants = {("1", "1"): 0, ("0", "1"): 1, ("0", "0"): 2, ("1", "0"): 3}
    published: dict[str, Counter[tuple[str, int]]] = {}
    repeats = {}
    with zipfile.ZipFile(mirror / SOURCES["vgmidi"].archive) as zipped:
        (around,) = {name.partition("/")[0] for name in zipped.namelist()}
        for split in ("train", "test"):
            text = zipped.read(f"{around}/data/vgmidi/vgmidi_bardo_{split}.csv").decode()
            rows = list(csv.DictReader(io.StringIO(text)))
            published[split] = Counter(
                (row["filepath"], quadrants[row["valence"], row["arousal"]]) for row in rows
            )
            contents = Counter(
                hashlib.sha256((tmp_path / "vgmidi-bardo-6ab3655" / row["filepath"]).read_bytes())
                .hexdigest()
                for row in rows
            )  # fmt: skip  # the chain reads best this way
            repeats[split] = contents.total() - len(contents)

    assert Counter((clip.id, clip.label) for clip in dataset.test) == published["test"]
    learned = Counter((clip.id, clip.label) for clip in (*dataset.train, *dataset.valid))
    left = published["train"] - learned
    assert learned <= published["train"]
    assert {clip for clip, _ in left} == {clip.id for clip in dataset.left_out}
    assert {clip.rpartition("/")[2] for clip, _ in left} == {"Goldeneye_Statue_0.mid"}
    assert left.total() == 10
    assert repeats == {"train": 304, "test": 89}
