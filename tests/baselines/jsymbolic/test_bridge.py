"""The bridge against a stand-in for jSymbolic, and against the real one where there is one."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import CancelledError
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import save as save_row

from baselines.jsymbolic.bridge import FOUR_DIGITS, JSymbolic
from baselines.jsymbolic.native.catalogue import COLUMNS, FEATURES, extract
from baselines.jsymbolic.program import JAR_VARIABLE, Limits, Program, find_program
from bench.cli import main
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError
from bench.extractors import Failure, Options
from bench.midi import parse_midi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.methods import FloatArray

STAND_IN = Path(__file__).with_name("stand_in.py")
FEATURE_TABLE = files("baselines.jsymbolic.native") / "features.csv"
LIMITS = Limits(start_seconds=20.0, clip_seconds=1.0)
UNCACHED = Options(jobs=1, cached=False)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs the stand-in; the file where it notes each of its runs."""
    home = tmp_path / "java home"
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f'#!/bin/sh\n"{sys.executable}" -I -S "{STAND_IN}" "{FEATURE_TABLE}" "$@"\n')
    java.chmod(0o755)
    log = tmp_path / "runs.log"
    jar = tmp_path / "jSymbolic2.jar"
    jar.write_text(str(log))
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv(JAR_VARIABLE, str(jar))
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    return log


def song(n_notes: int, fate: str = "") -> bytes:
    """Some notes, and a lyric that tells the stand-in what to do."""
    data = smf_bytes([[SmfNote(i * 480, i * 480 + 400, 60 + i % 12, 80) for i in range(n_notes)]])
    lyric = b"\x00\xff\x05" + bytes([len(fate)]) + fate.encode()
    length = int.from_bytes(data[18:22], "big") + len(lyric)
    return data[:18] + length.to_bytes(4, "big") + lyric + data[22:]


def save(folder: Path, songs: dict[str, bytes]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, data in songs.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in songs]


def answer(data: bytes) -> FloatArray:
    """What the stand-in says."""
    values = [len(data) + i + k for i, f in enumerate(FEATURES) for k in range(f.dimensions)]
    return np.array([float(f"{value:.3E}") for value in values])


def n_runs(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_rows_come_in_the_order_asked_for_whatever_the_names(runs: Path, tmp_path: Path) -> None:
    names = ["b.mid", 'a & <b> "c", d.mid', "ü\u97f3.midi", "no suffix"]
    songs = {name: song(4 + i) for i, name in enumerate(names)}
    rows = JSymbolic(LIMITS).extract(save(tmp_path / "songs", songs), UNCACHED)
    assert n_runs(runs) == 1
    for row, data in zip(rows, songs.values(), strict=True):
        np.testing.assert_array_equal(row, answer(data))


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("fails", "jSymbolic failed: java.lang.Exception: no such luck"),
        ("refused", "jSymbolic does not take it for a valid MIDI file"),
        ("memory", "jSymbolic ran out of memory"),
        ("vanishes", "jSymbolic gave neither a row nor a reason (exit code 0)"),
    ],
)
def test_one_bad_file_costs_no_other(runs: Path, tmp_path: Path, fate: str, reason: str) -> None:
    songs = {f"{i}.mid": song(4 + i, fate if i == 2 else "") for i in range(5)}
    rows = JSymbolic(LIMITS).extract(save(tmp_path / "songs", songs), UNCACHED)
    assert rows[2] == Failure(reason)
    for i in (0, 1, 3, 4):
        np.testing.assert_array_equal(rows[i], answer(songs[f"{i}.mid"]))
    if fate == "memory":
        assert n_runs(runs) == 1 + 4  # the row before the end is cut off, the first one is whole
    else:
        assert n_runs(runs) == 1 + 1


def test_an_endless_run_is_killed_with_all_it_started(runs: Path, tmp_path: Path) -> None:
    child = tmp_path / "pid"
    songs = {"good.mid": song(4), "endless.mid": song(5, f"hangs:{child};")}
    bridge = JSymbolic(Limits(start_seconds=5.0, clip_seconds=0.1))
    rows = bridge.extract(save(tmp_path / "songs", songs), UNCACHED)
    np.testing.assert_array_equal(rows[0], answer(songs["good.mid"]))
    assert rows[1] == Failure("jSymbolic was stopped after 5.1 s")
    assert not is_running(int(child.read_text()))
    scratch = runs.read_text().splitlines()
    assert scratch
    assert not any(Path(folder).exists() for folder in scratch)


def is_running(pid: int) -> bool:
    for _ in range(40):  # the system may take a moment to bury it
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state == "Z":
            return False
        time.sleep(0.05)
    return True


def test_a_run_that_is_no_longer_wanted_is_stopped(runs: Path, tmp_path: Path) -> None:
    child = tmp_path / "pid"
    stop = threading.Event()

    def stop_once_it_runs() -> None:
        while not (child.exists() and child.read_text()):
            time.sleep(0.05)
        stop.set()

    threading.Thread(target=stop_once_it_runs, daemon=True).start()
    with pytest.raises(CancelledError):
        find_program(limits=LIMITS).run([song(4, f"hangs:{child};")], stop)
    assert n_runs(runs) == 1
    assert not is_running(int(child.read_text()))


def test_what_the_program_cannot_be_asked_is_answered_without_it(
    runs: Path, tmp_path: Path
) -> None:
    timeless = smf_bytes([[SmfNote(0, 480, 60, 80)]], microseconds_per_beat=0)
    songs = {"silent.mid": smf_bytes([[]]), "timeless.mid": timeless, "text.mid": b"no music"}
    paths = [*save(tmp_path / "songs", songs), tmp_path / "missing.mid"]
    for options in (UNCACHED, Options(jobs=1)):
        silent, *others = JSymbolic(LIMITS).extract(paths, options)
        np.testing.assert_array_equal(silent, np.zeros(len(COLUMNS)))
        assert others == [
            Failure("lasts no time, so it has no note density"),
            Failure("not a readable MIDI file: it does not begin with MThd"),
            Failure("cannot be read: No such file or directory"),
        ]
    assert n_runs(runs) == 0


@pytest.mark.usefixtures("runs")
def test_a_file_that_changes_meanwhile_is_kept_under_what_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = save(tmp_path / "songs", {"a.mid": song(4)})
    run = Program.run

    def slow(self: Program, asked: Sequence[bytes], stop: threading.Event) -> object:
        path.write_bytes(song(9))
        return run(self, asked, stop)

    with monkeypatch.context() as patch:
        patch.setattr(Program, "run", slow)
        (row,) = JSymbolic(LIMITS).extract([path], Options(jobs=1))
    np.testing.assert_array_equal(row, answer(song(4)))
    (row,) = JSymbolic(LIMITS).extract([path], Options(jobs=1))
    np.testing.assert_array_equal(row, answer(song(9)))


def test_rows_are_kept_by_content_and_jar_and_failures_are_not(runs: Path, tmp_path: Path) -> None:
    paths = save(tmp_path / "songs", {"a.mid": song(4), "b.mid": song(5, "vanishes")})
    options = Options(jobs=1)
    first = JSymbolic(LIMITS).extract(paths, options)
    before = n_runs(runs)
    again = JSymbolic(LIMITS).extract([*paths, paths[0]], options)
    np.testing.assert_array_equal(again[0], first[0])
    np.testing.assert_array_equal(again[2], first[0])
    assert n_runs(runs) == before + 1  # for the failure
    (kept,) = (tmp_path / "cache").rglob("*.safetensors")
    of_another = save_row({"row": np.zeros_like(first[0])}, {"program": "another", "midi": "song"})
    for damaged in (kept.read_bytes()[:-100], of_another, b""):
        kept.write_bytes(damaged)
        np.testing.assert_array_equal(JSymbolic(LIMITS).extract(paths[:1], options)[0], first[0])
    before = n_runs(runs)
    jar = Path(os.environ[JAR_VARIABLE])
    jar.rename(jar.with_name("other.jar"))
    (tmp_path / "link.log").symlink_to(runs)
    jar.write_text(str(tmp_path / "link.log"))
    JSymbolic(LIMITS).extract(paths[:1], options)
    assert n_runs(runs) == before + 1


def test_work_is_shared_out_in_batches(runs: Path, tmp_path: Path) -> None:
    songs = {f"{i}.mid": song(4 + i) for i in range(7)}
    paths = save(tmp_path / "songs", songs)
    rows = JSymbolic(LIMITS).extract(paths, Options(jobs=3, cached=False))
    assert n_runs(runs) == 3
    for row, data in zip(rows, songs.values(), strict=True):
        np.testing.assert_array_equal(row, answer(data))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("no jar named", "no jSymbolic jar is named: get jSymbolic 2.2 from"),
        ("no such jar", "there is no such file"),
        ("corrupt jar", "Invalid or corrupt jarfile"),
        ("no java", "JAVA_HOME=.* has no bin/java"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, message: str
) -> None:
    if wrong == "no jar named":
        monkeypatch.delenv(JAR_VARIABLE)
    elif wrong == "no such jar":
        monkeypatch.setenv(JAR_VARIABLE, str(tmp_path / "none.jar"))
    elif wrong == "corrupt jar":
        (tmp_path / "jSymbolic2.jar").write_text("corrupt")
    else:
        monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    paths = save(tmp_path / "songs", {f"{i}.mid": song(4 + i) for i in range(3)})
    with pytest.raises(UserError, match=message) as told:
        JSymbolic(LIMITS).extract(paths, UNCACHED)
    assert "\n" not in str(told.value)
    assert n_runs(runs) == 0


def test_the_check_tells_what_is_there(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java, jar = JSymbolic(LIMITS).check()
    assert java.status == "present"
    assert "17.0.0" in java.text
    assert n_runs(runs) == 1
    assert jar.status == "broken"  # the stand-in's values are no music's
    assert "another version" in jar.text
    monkeypatch.delenv(JAR_VARIABLE)
    assert JSymbolic(LIMITS).check()[1].status == "absent"


def test_features_command_names_the_failed_file(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.extractors.load_extractor", lambda _: JSymbolic(LIMITS))
    jar = Path(os.environ[JAR_VARIABLE])
    monkeypatch.delenv(JAR_VARIABLE)
    good, bad = save(tmp_path / "songs", {"good.mid": song(4), "bad.mid": song(4, "memory")})
    arguments = ["features", str(good), str(bad), "--extractor", "jsymbolic", "--features", "P-14"]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--jsymbolic-jar", str(jar), "-j", "1"])
    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert shown.err.splitlines() == [f"bench: {bad}: jSymbolic ran out of memory"]
    assert shown.out.splitlines()[0] == "file,Mean_Pitch"
    assert shown.out.splitlines()[1].startswith(f"{good},")
    before = n_runs(runs)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert n_runs(runs) == before


@pytest.mark.jsymbolic
@pytest.mark.skipif(not os.environ.get(JAR_VARIABLE), reason=f"{JAR_VARIABLE} names no jar")
def test_the_real_program_gives_the_native_values(tmp_path: Path) -> None:
    songs = {f"{i} & ü.mid": song(8 + 5 * i) for i in range(4)}
    songs["silent.mid"] = smf_bytes([[]])
    rows = JSymbolic().extract(save(tmp_path / "songs", songs), UNCACHED)
    for row, data in zip(rows, songs.values(), strict=True):
        assert not isinstance(row, Failure), row
        native = extract(parse_midi(data))
        np.testing.assert_allclose(row, native, rtol=FOUR_DIGITS, atol=1e-9, equal_nan=True)
    assert {finding.status for finding in JSymbolic().check()} == {"present"}
