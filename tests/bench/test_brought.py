"""What is slightly wrong in packages elsewhere costs a line, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from brought import bench, bring

from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError
from bench.starts import shipped_starts

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = "raise RuntimeError('a part is missing')\n"


def told(folder: Path, *arguments: str, code: int = 2) -> str:
    """The only line that a command says on standard error."""
    done = bench(folder, *arguments)
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_package_whose_import_fails_is_named_by_what_lists_it(tmp_path: Path) -> None:
    points = {"methods theirs": "theirs.methods", "commands not": "theirs.commands:it"}
    modules = {"theirs/__init__.py": BROKEN, "theirs/methods.py": "", "theirs/commands.py": ""}
    bring(tmp_path, points, modules)
    line = told(tmp_path, "ls", "methods")
    assert "majority" in bench(tmp_path, "ls", "methods").stdout
    assert line == (
        "bench: the package brought brings methods from 'theirs.methods', which cannot be "
        "imported: RuntimeError: a part is missing: fix or uninstall it"
    )
    doctor = bench(tmp_path, "doctor")
    assert (doctor.returncode, doctor.stderr) == (1, "")
    assert "cannot be imported: RuntimeError: a part is missing" in doctor.stdout
    helped = bench(tmp_path, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "cannot be imported: RuntimeError" in helped.stdout


@pytest.mark.parametrize("place", ["plain.sub:{}.bin", "failing.sub:{}.bin", ":{}.bin"])
def test_a_start_in_what_cannot_be_imported_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "plain.py").touch()
    (tmp_path / "failing.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"start '.*': '.*' cannot be imported: \w+Error: "):
        shipped_starts(place)


EXTRACTOR = """
from types import SimpleNamespace
import numpy as np
def every(files, options): return [np.arange(3.0)[:length] for _ in files]
def none(pattern): raise RuntimeError("no pattern known")
length = 3
it = SimpleNamespace(columns=["a", "b", "c"], select=lambda _: np.arange(3), extract=every)
"""


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.mid"
    path.write_bytes(smf_bytes([[SmfNote(0, 480, 60, 80)]]))
    return path


def test_an_extractor_from_elsewhere_has_its_rows(tmp_path: Path, song: Path) -> None:
    bring(tmp_path, {"extractors theirs": "theirs:it"}, {"theirs.py": EXTRACTOR})
    done = bench(tmp_path, "features", str(song), "--extractor", "theirs")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"file,a,b,c\n{song},0.0,1.0,2.0\n"


def test_columns_are_chosen_by_name_where_an_extractor_does_not_choose(
    tmp_path: Path, song: Path
) -> None:
    source = f"{EXTRACTOR}del it.select\n"
    bring(tmp_path, {"extractors theirs": "theirs:it"}, {"theirs.py": source})
    arguments = ("features", str(song), "--extractor", "theirs", "--features")
    assert bench(tmp_path, *arguments, "[bc]").stdout == f"file,b,c\n{song},1.0,2.0\n"
    assert "no feature fits" in told(tmp_path, *arguments, "B")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("it.select = none", "extractor 'theirs' failed: RuntimeError: no pattern known"),
        ("it.select = lambda _: [3]", "select('*') gave no positions in its 3 columns"),
        ("it.select = lambda _: np.array([True] * 3)", "gave no positions in its 3 columns"),
        ("length = 2", "song.mid: gave an array of shape (2,) and type float64, not an array of 3"),
        ("it.extract = lambda files, _: [[0.0] * 3]", "song.mid: gave a list, not an array of 3"),
        ("it.extract = lambda *_: []", "gave 0 rows for 1 files"),
        ("it.extract = lambda *_: None", "failed: TypeError: 'NoneType' object is not iterable"),
        ("it = type('It', (), vars(it))", "'theirs:it' is a class, not an object"),
        ("it = 3", "'theirs:it' has no columns and no extract"),
    ],
)
def test_an_extractor_that_is_slightly_wrong_is_told_in_a_line(
    tmp_path: Path, song: Path, mistake: str, message: str
) -> None:
    source = f"{EXTRACTOR}{mistake}\n"
    bring(tmp_path, {"extractors theirs": "theirs:it"}, {"theirs.py": source})
    line = told(tmp_path, "features", str(song), "--extractor", "theirs")
    assert line.startswith("bench: extractor 'theirs'")
    assert message in line


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ("it = 3", "'theirs:it' has no columns and no extract"),
        ("it.columns = 3", "failed: TypeError: object of type 'int' has no len()"),
        ("it.check = lambda: ['fine']", "check() gave 'fine', which is not a bench.doctor.Finding"),
    ],
)
def test_so_does_the_doctor(tmp_path: Path, mistake: str, message: str) -> None:
    source = f"{EXTRACTOR}{mistake}\n"
    bring(tmp_path, {"extractors theirs": "theirs:it"}, {"theirs.py": source})
    done = bench(tmp_path, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert message in next(line for line in done.stdout.splitlines() if "theirs" in line)


def test_a_command_that_is_none_is_told_in_a_line(tmp_path: Path) -> None:
    bring(tmp_path, {"commands not": "theirs:it"}, {"theirs.py": "it = print"})
    line = told(tmp_path, "not")
    assert line == "bench: command 'not': 'theirs:it' is not a click.Command: fix its package"


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("raise ValueError('47 is bad')", "view 'picky' failed: ValueError: 47 is bad"),
        ("return midi.notes.pitch.max()", "view 'picky' failed: TypeError: Encoding objects of "),
    ],
)
def test_a_view_that_fails_or_gives_no_json_is_told_with_what_it_looked_at(
    tmp_path: Path, song: Path, view: str, message: str
) -> None:
    bring(tmp_path, {"views picky": "theirs:it"}, {"theirs.py": f"def it(midi): {view}\n"})
    for option in ([], ["--json"]):
        line = told(tmp_path, "inspect", str(song), *option)
        assert line.startswith(f"bench: {song}: {message}")
    output = tmp_path / "out.jsonl"
    line = told(tmp_path, "data", "export", "synthetic", "--what", "picky", "-o", str(output))
    assert line.startswith("bench: synthetic, clip '")
    assert f"': {message}" in line
    assert not output.exists()


DATASET = """
from pathlib import Path
from bench.clips import Clip
from bench.datasets import Dataset
def clip(name): return Clip(name, name, Path(f"/gone/{name}.mid"), "0" * 64, 0)
def load(): return Dataset("my-songs", "1", (clip("a"),), (clip("b"),), (clip("c"),))
def fails(): raise RuntimeError("no songs")
"""


def test_a_dataset_that_fails_hides_no_other(tmp_path: Path) -> None:
    points = {"datasets broken": "theirs:fails", "datasets my-songs": "theirs:load"}
    bring(tmp_path, points, {"theirs.py": DATASET})
    done = bench(tmp_path, "ls", "datasets")
    assert done.returncode == 2
    assert done.stderr == "bench: dataset 'broken' failed: RuntimeError: no songs\n"
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["emopia", "vgmidi", "synthetic", "my-songs"]


def test_a_dataset_that_fails_hides_no_other_where_data_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMER_BENCH_DATA", str(tmp_path / "data"))
    points = {"datasets broken": "theirs:fails", "datasets my-songs": "theirs:load"}
    bring(tmp_path, points, {"theirs.py": DATASET})
    for command, first in (
        ("verify", "synthetic: 240 files, 0 missing or wrong"),
        ("info", "synthetic 1"),
    ):
        done = bench(tmp_path, "data", command, "broken", "synthetic", "nothing")
        assert done.returncode == 2
        assert first in done.stdout.splitlines()
        broken, unknown = done.stderr.splitlines()
        assert broken == "bench: dataset 'broken' failed: RuntimeError: no songs"
        assert unknown.startswith("bench: unknown dataset 'nothing'")
    done = bench(tmp_path, "data", "verify", "broken", "my-songs")
    assert done.returncode == 1  # for files that are missing
    assert done.stderr.splitlines()[0] == "bench: dataset 'broken' failed: RuntimeError: no songs"


def test_names_of_the_benchmarks_own_cannot_be_taken(tmp_path: Path) -> None:
    points = {"datasets emopia": "theirs:fails", "commands ls": "theirs:load"}
    bring(tmp_path, points, {"theirs.py": DATASET})
    done = bench(tmp_path, "ls", "datasets")
    names = [line.split()[0] for line in done.stdout.splitlines()]
    assert names == ["emopia", "vgmidi", "synthetic"]
    assert done.returncode == 2
    assert done.stderr.startswith("bench: dataset 'emopia' of another package has the name of one")
    helped = bench(tmp_path, "--help")
    assert [line.split()[0] for line in helped.stdout.splitlines() if line[:3] == "  l"].count(
        "ls"
    ) == 1
    assert (
        helped.stderr == "bench: command 'ls', 'theirs:load', is never run: `bench ls` goes first\n"
    )


def test_what_fetching_cannot_repair_has_no_such_hint(tmp_path: Path) -> None:
    bring(tmp_path, {"datasets my-songs": "theirs:load"}, {"theirs.py": DATASET})
    done = bench(tmp_path, "data", "verify", "my-songs")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "bench: 3 files are missing or wrong"
    done = bench(tmp_path, "data", "verify", "my-songs", "vgmidi")
    assert "`bench data fetch NAME` repairs a dataset of the benchmark's own" in done.stderr
