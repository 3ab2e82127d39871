"""`bench data export`: every clip that was published, whatever it holds."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from bench.cli.export import export
from bench.clips import Clip
from bench.datasets import Dataset, load_dataset
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


def exported(dataset: str, output: Path) -> list[dict[str, Any]]:
    arguments = [dataset, "--what", "key", "-o", str(output)]
    assert CliRunner().invoke(export, arguments, catch_exceptions=False).exit_code == 0
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_every_clip_has_its_line(tmp_path: Path) -> None:
    rows = exported("synthetic", tmp_path / "keys.jsonl")
    dataset = load_dataset("synthetic")
    assert sorted(row["clip"] for row in rows) == sorted(clip.id for clip in dataset.clips)
    assert {row["dataset"] for row in rows} == {"synthetic"}


def test_without_views_there_is_what_training_elsewhere_needs(tmp_path: Path) -> None:
    output = tmp_path / "clips.jsonl"
    arguments = ["synthetic", "-o", str(output)]
    assert CliRunner().invoke(export, arguments, catch_exceptions=False).exit_code == 0
    piped = CliRunner().invoke(export, ["synthetic", "-o", "-"], catch_exceptions=False)
    assert piped.output == output.read_text()
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    clips = {clip.id: clip for clip in load_dataset("synthetic").clips}
    assert lines == [
        {
            "dataset": "synthetic",
            "clip": row.clip,
            "song": row.song,
            "split": row.split,
            "quadrant": row.label,
            "file": str(clips[row.clip].path),
        }
        for row in load_dataset("synthetic").rows
    ]


@pytest.mark.parametrize("name", ["clips.csv", "clips.parquet", "clips.XLSX"])
def test_a_name_of_another_format_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.data.fetch_missing", lambda _: pytest.fail("it fetches"))
    told = CliRunner().invoke(export, ["synthetic", "-o", str(tmp_path / name)]).exception
    assert isinstance(told, UserError)
    assert f"{name}: this writes JSON lines: name it clips.jsonl" in str(told)
    assert not (tmp_path / name).exists()


def test_so_do_those_that_no_split_holds_and_those_without_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clip(name: str, *pitches: int) -> Clip:
        notes = [SmfNote(480 * i, 480 * (i + 1), pitch, 80) for i, pitch in enumerate(pitches)]
        path = tmp_path / f"{name}.mid"
        path.write_bytes(smf_bytes([notes]))
        return Clip(name, f"song {name}", path, hashlib.sha256(path.read_bytes()).hexdigest(), 0)

    c_major, a_minor = (60, 62, 64, 65, 67, 69, 71, 72), (57, 59, 60, 62, 64, 65, 68, 69)
    dataset = Dataset(
        name="mine",
        version="1",
        digest="digest",
        train=(clip("a", *c_major),),
        valid=(clip("silent"),),
        test=(clip("b", *c_major),),
        left_out=(clip("left out", *a_minor),),
    )
    monkeypatch.setattr("bench.datasets.load_dataset", lambda _: dataset)
    rows = exported("mine", tmp_path / "keys.jsonl")
    assert [(row["clip"], row["split"], row["quadrant"], row["key"]) for row in rows] == [
        ("a", "train", "Q1", "C major"),
        ("silent", "valid", "Q1", None),
        ("b", "test", "Q1", "C major"),
        ("left out", "left-out", "Q1", "A minor"),
    ]
