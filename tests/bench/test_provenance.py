"""What a record says of where it was made, and at which cost."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from genuine import genuine, smoke_cell

from bench.provenance import Meter, code_digest
from bench.verification.checks import check_method

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is that of the process")
def test_the_peak_of_memory_is_that_of_the_work_alone() -> None:
    meter = Meter()
    block = bytearray(b"x") * (200 << 20)
    before = meter.read("bench").peak_memory_mb
    del block
    assert Meter().read("bench").peak_memory_mb < before - 150


def test_the_version_of_a_methods_package_is_told() -> None:
    assert Meter().read("pytest.sub.module").libraries["pytest"] == pytest.__version__
    # The benchmark's own stands beside, with its revision.
    assert "smer-bench" not in Meter().read("baselines.svm").libraries


def test_the_code_of_a_method_from_elsewhere_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "strange_package").mkdir()
    (tmp_path / "strange_module.py").write_text("x = 1")
    for name in ("__init__", "method", "helper"):
        (tmp_path / f"strange_package/{name}.py").write_text("x = 1")
    package, module = code_digest("strange_package.method"), code_digest("strange_module")
    assert Meter().read("strange_module").code == module != package
    assert Meter().read("baselines.svm").code == code_digest("models.training") == ""
    (tmp_path / "strange_package/helper.py").write_text("x = 2")
    assert code_digest("strange_module") == module
    assert code_digest("strange_package.method") != package


@pytest.mark.parametrize(("code", "notes"), [("", 0), ("another", 1)])
def test_a_record_of_other_code_than_is_here_is_noted(code: str, notes: int) -> None:
    record = genuine(smoke_cell("majority"))
    provenance = msgspec.structs.replace(record.provenance, code=code)
    found = [*check_method(msgspec.structs.replace(record, provenance=provenance))]
    assert [remark.wrong for remark in found] == [False] * notes


def output(folder: Path, command: Sequence[str]) -> str:
    """What a command says in a folder whose packages come before those that are installed."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip()


def test_a_record_names_the_revision_of_the_code_and_whether_the_code_differs_from_it(
    tmp_path: Path,
) -> None:
    code = "import json\nfrom bench.provenance import Meter\nfound = Meter().read('bench')\n"
    code += "print(json.dumps([found.revision, found.dirty]))"

    def state() -> Any:
        return json.loads(output(tmp_path, [sys.executable, "-c", code]))

    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "bench", tmp_path / "bench", ignore=ignored)
    assert state() == ["", False]  # as where it is installed
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "bench"], ["commit", "-q", "-m", "all"]):
        output(tmp_path, [*git, *arguments])
    revision = output(tmp_path, ["git", "rev-parse", "HEAD"])
    assert state() == [revision, False]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "seed-0.json").touch()
    assert state() == [revision, False]
    with (tmp_path / "bench" / "errors.py").open("a") as file:
        file.write("# changed\n")
    assert state() == [revision, True]


def test_why_git_cannot_tell_the_revision_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from bench.doctor import examine\nfrom bench.provenance import Meter\n"
    code += "print(repr(Meter().read('bench').revision), end=' ')\n"
    code += (
        "print(*[f'{found.status}: {found.text}' for found in examine() if found.name == 'git'])"
    )
    shutil.copytree(
        ROOT / "bench", tmp_path / "bench", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"):  # which may trust every folder
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("LC_ALL", "C")
    command = [sys.executable, "-c", code]
    assert output(tmp_path, command) == "''"  # as where it is installed: nothing is wrong
    (tmp_path / ".git").write_text("of no repository\n")
    assert re.match(r"'' absent: .* no commit: fatal: invalid gitfile", output(tmp_path, command))
    (tmp_path / ".git").unlink()
    output(tmp_path, ["git", "init", "-q"])
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert "no commit: fatal: detected dubious ownership" in output(tmp_path, command)
    monkeypatch.setenv("PATH", "")
    assert "no commit: [Errno 2] No such file or directory: 'git'" in output(tmp_path, command)


def test_the_seconds_of_the_work_and_of_its_processes_are_told() -> None:
    meter, until = Meter(), time.process_time() + 0.2
    while time.process_time() < until:
        pass
    own = meter.read("bench")
    assert own.cpu_seconds >= 0.15  # clocks may have coarse steps
    assert own.wall_seconds >= 0.15
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", busy], check=True, timeout=60)
    assert meter.read("bench").cpu_seconds >= own.cpu_seconds + 0.4
