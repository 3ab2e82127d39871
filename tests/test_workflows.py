"""What runs on GitHub: that it cannot be turned against the project, and that its scripts work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.cells import plan
from bench.execution import run_cell
from bench.methods import silent
from bench.store import Store
from bench.suites import load_suite

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))


def load(name: str) -> dict[str, Any]:
    workflow: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows" / name).read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 takes "on" for a truth value
    return workflow


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def script(workflow: str, name: str) -> str:
    (found,) = (step["run"] for step in steps(load(workflow)) if step.get("name") == name)
    return str(found)


@pytest.mark.parametrize("name", [file.name for file in FILES])
def test_a_workflow_grants_little_and_pins_what_it_uses(name: str) -> None:
    workflow = load(name)
    assert "pull_request_target" not in workflow["on"]
    assert workflow["defaults"] == {"run": {"shell": "bash"}}  # else without pipefail
    assert workflow["permissions"] in ({}, {"contents": "read"})
    for step in steps(workflow):
        # What a stranger chooses, such as a branch's name, never becomes part of a script.
        assert "${{" not in step.get("run", "")
    text = (ROOT / ".github/workflows" / name).read_text()
    for line in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    assert "secrets." not in text


def test_whoever_may_write_runs_nothing_of_the_pull_requests() -> None:
    writers = {
        file.name
        for file in FILES
        for job in load(file.name)["jobs"].values()
        if "write" in job.get("permissions", {}).values()
    }
    assert writers == {"comparison.yml"}
    workflow = load("comparison.yml")
    assert list(workflow["on"]) == ["workflow_run"]
    assert workflow["on"]["workflow_run"]["workflows"] == [load("checks.yml")["name"]]
    used = [step["uses"].partition("@")[0] for step in steps(workflow) if "uses" in step]
    assert used == ["actions/download-artifact"]
    assert not re.search(r"\b(make|bench|pip|python|git)\b", script("comparison.yml", "Comment"))


def bash(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """As GitHub runs a step's script."""
    return subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", text],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """A repository with a record, and a change that brings another."""
    git = "git -c user.name=x -c user.email=x@example.org"
    bash("git init -q", tmp_path)
    for method in ("majority", "key-mode"):
        (cell,) = plan(load_suite("smoke"), method=method)
        Store(tmp_path / "results").write(cell, run_cell(cell, silent))
        done = bash(f"git add -A && {git} commit -qm {method}", tmp_path)
        assert done.returncode == 0, done.stderr
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/bench").symlink_to(Path(sys.executable).with_name("bench"))
    return tmp_path


def test_changed_records_are_verified_and_the_boards_compared(merged: Path) -> None:
    verify = script("checks.yml", "Verify the rows whose records change")
    done = bash(verify, merged)
    assert (done.returncode, "1 records checked, none wrong" in done.stdout) == (0, True)
    compare = script("checks.yml", "Compare the boards")
    summary = merged / "summary.md"
    assert bash(compare, merged, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    text = (merged / "comparison.md").read_text()
    assert "Records: 1 new, 0 changed, 0 gone; 2 in all." in text
    assert summary.read_text() == text

    (record,) = (merged / "results").rglob("key-mode/*.json")
    forged = re.sub(r'"accuracy":[\d.]+', '"accuracy":0.99', record.read_text(), count=1)
    record.write_text(forged)
    bash("git -c user.name=x -c user.email=x@example.org commit -qam wrong", merged)
    done = bash(verify, merged)
    assert done.returncode != 0
    assert "1 records checked, 1 wrong" in done.stderr
    assert "clip-level accuracy is 0.99" in done.stdout


def test_no_changed_record_is_nothing_to_verify(merged: Path) -> None:
    bash("git -c user.name=x -c user.email=x@example.org commit -q --allow-empty -m none", merged)
    done = bash(script("checks.yml", "Verify the rows whose records change"), merged)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("number", ["7", ""])
def test_a_comparison_becomes_a_comment_that_calls_nobody(tmp_path: Path, number: str) -> None:
    """On the pull request that GitHub names; on none if it names none."""
    (tmp_path / "untrusted").mkdir()
    (tmp_path / "untrusted/comparison.md").write_text("cc @everyone\n" + "x" * 100_000)
    (tmp_path / "gh").write_text(
        f'#!/bin/bash\necho "$@" >> calls\ntest "$1" != api || echo {number}'
    )
    (tmp_path / "gh").chmod(0o755)
    done = bash(
        script("comparison.yml", "Comment"),
        tmp_path,
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        GH_REPO="someone/bench",
        OWNER="stranger",
        BRANCH="main; $(touch harmed)",
        SHA="0" * 40,
    )
    assert done.returncode == 0, done.stderr
    asked, *commented = (tmp_path / "calls").read_text().splitlines()
    assert "repos/someone/bench/pulls" in asked
    assert "head=stranger:main; $(touch harmed)" in asked
    assert not (tmp_path / "harmed").exists()
    if not number:
        assert not commented
        return
    assert commented[0].startswith("pr comment 7 --edit-last")
    comment = (tmp_path / "comment.md").read_text()
    assert "@everyone" not in comment
    assert "everyone" in comment
    assert len(comment) < 65_536
