from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.doctor import examine
from bench.errors import UserError
from bench.folders import cache_directory, data_directory
from bench.machine import cxx_compiler, usable_cores

QUOTA = "/sys/fs/cgroup/cpu.max"


def test_a_containers_quota_limits_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(48)), raising=False)
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    there, opened = os.path.exists, open
    (tmp_path / "cpu.max").write_text("max 100000")

    def exists(path: Any) -> bool:
        return path == QUOTA or there(path)

    def open_it(path: Any, *arguments: Any, **keywords: Any) -> Any:
        return opened(tmp_path / "cpu.max" if path == QUOTA else path, *arguments, **keywords)

    monkeypatch.setattr("os.path.exists", exists)
    monkeypatch.setattr("builtins.open", open_it)
    assert usable_cores() == 48
    (tmp_path / "cpu.max").write_text("150000 100000")
    assert usable_cores() == 2


@pytest.mark.parametrize("command", ['c++ "', " ", "no-such-compiler"])
def test_a_compiler_that_cannot_be_called_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("CXX", command)
    monkeypatch.setattr("shutil.which", {"c++": "there", "clang++": "there"}.get)
    assert cxx_compiler() == "clang++"


@pytest.mark.parametrize("home", [None, "~/.cache"])
def test_a_user_without_a_home_is_told_what_to_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    def folder(name: str) -> Path:
        if home is None:
            raise RuntimeError("could not determine the home directory")
        return Path(home, name)

    monkeypatch.setattr("bench.folders.user_cache_path", folder)
    monkeypatch.setattr("bench.folders.user_data_path", folder)
    for find, variable in (
        (cache_directory, "SMER_BENCH_CACHE"),
        (data_directory, "SMER_BENCH_DATA"),
    ):
        monkeypatch.delenv(variable, raising=False)
        with pytest.raises(UserError, match=f"no home folder here: set {variable}"):
            find()
        monkeypatch.setenv(variable, str(tmp_path))
        assert find() == tmp_path


def test_doctor_tells_of_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMER_BENCH_CACHE", raising=False)
    monkeypatch.setattr("bench.folders.user_cache_path", lambda _: Path("~/.cache"))
    (cache,) = (finding for finding in examine() if finding.name == "cache folder")
    assert cache.status == "broken"
    assert "set SMER_BENCH_CACHE" in cache.text


def test_windows_is_told_where_to_go() -> None:
    script = "import os, bench.cli\nos.name = 'nt'\nbench.cli.main(['doctor'])"
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "(WSL)" in told.stderr
    assert "Traceback" not in told.stderr
