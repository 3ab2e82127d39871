"""CONTRIBUTING.md's example, followed to the letter by a new contributor."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.datasets import load_dataset
from bench.methods import silent
from bench.scoring import score
from bench.store import read_records

ROOT = Path(__file__).parents[1]
SECTION = "## Add a method"


def blocks(kind: str) -> list[str]:
    """The section's code blocks in one language, "" for command lines."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index(SECTION) :].partition("\n## ")[0]
    found = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return [body for language, body in found if language == kind]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The three files of the example."""
    code, _ = blocks("python")
    project, suite = blocks("toml")
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "my_package.py").write_text(code)
    (folder / "pyproject.toml").write_text(project)
    (folder / "my-suite.toml").write_text(suite)
    return folder


def test_a_method_in_a_package_elsewhere_comes_on_the_board(package: Path) -> None:
    commands = blocks("")[0]
    assert [line.split()[0] for line in commands.splitlines()] == ["pip", *["bench"] * 4]
    installed = package.parent / "installed"
    done = subprocess.run(
        ["/bin/bash", "-e", "-c", commands],
        cwd=package,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # Installed where no other test sees it, from what is on this machine.
            "PIP_TARGET": str(installed),
            # Where an editable package lies Python reads in its own folders alone.
            "PYTHONPATH": f"{installed}{os.pathsep}{package}",
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # as pip spells "yes"
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "frequencies" in done.stdout
    assert "2 executed, 0 done already, 0 failed" in done.stdout
    assert "2 records checked, none wrong" in done.stdout
    records = {record.cell.method: record for record in read_records(package / "results")}
    assert sorted(records) == ["frequencies", "majority"]
    assert records["frequencies"].predictions == records["majority"].predictions
    board = (package / "leaderboard.md").read_text()
    assert "## Suite my-suite" in board
    assert "| frequencies | " in board


def test_a_method_in_this_repository_is_a_file_and_a_table(tmp_path: Path) -> None:
    for name in ("bench", "baselines"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "models").symlink_to(ROOT / "models")
    (tmp_path / "baselines/frequencies.py").write_text(blocks("python")[0])
    for suite in ("smoke", "lite"):
        with (tmp_path / f"bench/suites/{suite}.toml").open("a") as file:
            file.write("\n[methods.frequencies]\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    bench = "import sys; from bench.cli import main; main(sys.argv[1:])"
    told = python("-c", bench, "run", "--method", "frequencies", "--suite", "smoke")
    assert "1 executed, 0 done already, 0 failed" in told
    # What is likeliest to count methods.
    python(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
        str(ROOT / "tests/test_versions.py"),
        str(ROOT / "tests/bench/test_cells.py"),
    )


@pytest.mark.parametrize("i", range(2))
def test_the_examples_keep_to_the_rules_of_the_house(tmp_path: Path, i: int) -> None:
    file = tmp_path / "my_package.py"
    file.write_text(blocks("python")[i])
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [ruff, *command, "--config", ROOT / "pyproject.toml", file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_the_longer_example_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "longer_example.py").write_text(blocks("python")[1])
    clips = load_dataset("synthetic")
    method = importlib.import_module("longer_example").Outline(strength=0.1)
    method.fit(clips.train, clips.valid, seed=0, progress=silent)
    p = method.predict_proba(clips.test)
    assert score([clip.label for clip in clips.test], p).accuracy > 0.5
    assert method.details()["iterations"] > 0
