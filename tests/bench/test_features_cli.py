from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.extractors import NATIVE
from baselines.jsymbolic.native.catalogue import extract
from bench import extractors
from bench.cli import main
from bench.datasets.smf import SmfNote, smf_bytes
from bench.midi import read_midi

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(extractors, "extractor_names", lambda: ("native",))
    monkeypatch.setattr("bench.extractors.load_extractor", lambda _: NATIVE)
    folder = tmp_path / "songs"
    folder.mkdir()
    for name, pitch in [("b.mid", 60), ("a.mid", 67)]:
        notes = [SmfNote(i * 480, i * 480 + 480, pitch + i, 80) for i in range(8)]
        (folder / name).write_bytes(smf_bytes([notes]))
    return folder


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["features", *arguments])
    return int(ended.value.code or 0)


def test_rows_have_every_digit_and_the_order_of_a_sorted_folder(songs: Path) -> None:
    output = songs / "out.csv"
    assert _run(str(songs), "-o", str(output)) == 0
    header, *rows = csv.reader(output.open())
    assert header == ["file", *NATIVE.columns]
    assert [row[0] for row in rows] == [str(songs / "a.mid"), str(songs / "b.mid")]
    expected = extract(read_midi(songs / "a.mid"))
    np.testing.assert_array_equal(np.array(rows[0][1:], dtype=float), expected)


def test_without_a_cache_nothing_is_kept(songs: Path) -> None:
    kept = songs.parent / "cache"
    assert _run(str(songs), "-o", str(songs / "out.csv"), "--no-cache") == 0
    assert not kept.exists()
    assert _run(str(songs), "-o", str(songs / "out.csv")) == 0
    assert kept.exists()


def test_a_bad_file_is_one_line_and_the_others_have_rows(
    songs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = songs / "bad.mid"
    bad.write_bytes(b"no music")
    code = _run(str(songs / "b.mid"), str(bad), str(songs / "a.mid"), "--features", "P-*")
    shown = capsys.readouterr()
    assert code == 1
    assert len(shown.err.splitlines()) == 1
    assert str(bad) in shown.err
    files = [line.split(",")[0] for line in shown.out.splitlines()]
    assert files == ["file", str(songs / "b.mid"), str(songs / "a.mid")]


def test_where_no_file_has_an_answer_an_older_table_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.csv"
    output.write_text("of another day\n")
    (tmp_path / "bad.mid").touch()
    assert _run(str(tmp_path / "bad.mid"), "-o", str(output)) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "bench: all 1 files failed"
    assert output.read_text() == "of another day\n"


@pytest.mark.parametrize(
    "wrong", [["--features", "Nothing*"], ["-j", "0"], ["--jsymbolic-jar", "x"]]
)
def test_wrong_arguments_write_nothing(songs: Path, wrong: list[str]) -> None:
    output = songs / "out.csv"
    assert _run(str(songs), "-o", str(output), *wrong) == 2
    assert not output.exists()


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    songs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Idle:
        columns, select = NATIVE.columns, NATIVE.select

    monkeypatch.setattr("bench.extractors.load_extractor", lambda _: Idle())
    output = songs / "a.mid" / "out.csv"  # inside a file
    assert _run(str(songs), "-o", str(output)) == 2
    assert capsys.readouterr().err.startswith(f"bench: {output}: cannot be written")
