"""Hostile files, and files with hostile names, on the command line."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from baselines.jsymbolic.extractors import NATIVE
from bench.cli import main
from bench.datasets.smf import SmfNote, smf_bytes
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = smf_bytes([[SmfNote(i * 480, i * 480 + 480, 60 + i, 80) for i in range(8)]])
NO_TIME = smf_bytes([[SmfNote(0, 480, 60, 80)]], microseconds_per_beat=0)
BAD = {
    "empty.mid": b"",
    "text.mid": b"no music",
    "cut.mid": GOOD[:-9],
    "smpte.mid": GOOD[:12] + b"\xe7\x28" + GOOD[14:],
    "format-2.mid": GOOD[:9] + b"\2" + GOOD[10:],
    "tracks.mid": GOOD[:10] + b"\xff\xff" + GOOD[12:],
    "long.mid": GOOD[:18] + b"\xff\xff\xff\xff" + GOOD[22:],
    "huge.mid": GOOD + bytes(9 << 20),
}
NAMES = [
    "a\nb.mid",
    "a\rb.mid",
    'a"b,c.mid',
    "'; --.mid",
    "\x1b[31m.mid",
    "=1+1.mid",
    "é\u2028.mid",
]
NAMES += [os.fsdecode(b"\xff\xfe.mid"), "long" * 60 + ".mid"]


@pytest.fixture
def run(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, list[str]]]:
    """Run `bench` in an empty folder: exit code, output, and lines of errors."""
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def run(*arguments: str) -> tuple[int, str, list[str]]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        shown = capfd.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err.splitlines()

    return run


def write(files: dict[str, bytes]) -> None:
    for name, data in files.items():
        Path(name).write_bytes(data)


def test_features_name_each_bad_file_and_go_on(
    run: Callable[..., tuple[int, str, list[str]]],
) -> None:
    write({"a.mid": GOOD, "z.mid": GOOD, "no-time.mid": NO_TIME, **BAD})
    code, out, errors = run("features", ".", "-j", "1")
    assert code == 1
    assert [line.split(": ")[1] for line in errors] == sorted([*BAD, "no-time.mid"])
    header, *rows = csv.reader(out.splitlines())
    assert header == ["file", *NATIVE.columns]
    assert [row[0] for row in rows] == ["a.mid", "z.mid"]


def test_inspect_names_each_bad_file_and_goes_on(
    run: Callable[..., tuple[int, str, list[str]]],
) -> None:
    write({"a.mid": GOOD, "z.mid": GOOD, "no-time.mid": NO_TIME, **BAD})
    code, out, errors = run("inspect", "a.mid", *BAD, "no-time.mid", "z.mid", "--json")
    assert code == 2
    assert [line.split(": ")[1] for line in errors] == list(BAD)
    shown = [json.loads(line) for line in out.splitlines()]
    assert [facts["file"] for facts in shown] == ["a.mid", "no-time.mid", "z.mid"]


def test_odd_names_give_valid_tables(run: Callable[..., tuple[int, str, list[str]]]) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    write(dict.fromkeys(NAMES, GOOD))
    expected = [shown(name) for name in sorted(NAMES)]
    for table, read in (("t.csv", pandas.read_csv), ("t.parquet", pandas.read_parquet)):
        assert run("features", ".", "-o", table, "-j", "1")[0] == 0
        assert read(table)["file"].tolist() == expected
    with Path("t.csv").open(encoding="utf-8", newline="") as file:
        assert [row[0] for row in csv.reader(file)][1:] == expected


def test_odd_names_give_valid_json_and_text(run: Callable[..., tuple[int, str, list[str]]]) -> None:
    write(dict.fromkeys(NAMES, GOOD))
    code, out, errors = run("inspect", *NAMES, "--json")
    assert (code, errors) == (0, [])
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["file"] for line in lines] == [shown(name) for name in NAMES]
    code, out, errors = run("inspect", *NAMES)
    assert (code, errors) == (0, [])
    assert "\x1b[31m" not in out


@pytest.mark.parametrize("command", ["features", "inspect"])
def test_a_complaint_is_one_line_whatever_the_name(
    command: str, run: Callable[..., tuple[int, str, list[str]]]
) -> None:
    write(dict.fromkeys(NAMES, b"no music"))
    code, _, errors = run(command, *NAMES, "absent\n.mid", "x" * 300, "x/" * 3000)
    assert code in (1, 2)
    # `features` tells last that there is no row to write.
    assert len(errors) == len(NAMES) + 3 + (command == "features")
    assert all(line.startswith("bench: ") and line.isprintable() for line in errors)


def test_lists_and_outputs_with_impossible_names(
    run: Callable[..., tuple[int, str, list[str]]],
) -> None:
    write({"a.mid": GOOD, "list": b"a.mid\nnu\0l.mid\n" + b"x" * 300 + b"\n\xff\n"})
    code, _, errors = run("features", "--from-file", "list", "-j", "1")
    assert (code, len(errors)) == (1, 3)
    for output in ("x" * 300 + ".csv", "x/" * 3000 + "t.csv"):
        code, _, errors = run("features", "a.mid", "-o", output)
        assert (code, len(errors)) == (2, 1)
