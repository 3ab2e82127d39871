"""`bench run` as real processes that are killed, interrupted, and run side by side.

SMER_BENCH_KILLS says how often the suite is killed, 6 times by default.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest
from waiting import soon

from bench.cells import plan
from bench.execution import run_cell
from bench.methods import silent
from bench.records import encode_record
from bench.store import read_failures, read_records
from bench.suites import load_suite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KILLS = int(os.environ.get("SMER_BENCH_KILLS", "6"))

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="finds its processes in /proc"
)

SUITE = """
name = "hardy"
description = "Cells of a second."
datasets = ["synthetic"]
seeds = 3
[methods.majority]
[methods.brief]
[methods.lengthy]
"""
ONE_SEED = """
name = "single"
description = "One seed of what follows."
datasets = ["synthetic"]
seeds = 1
"""


@pytest.fixture(autouse=True)
def _ends() -> None:
    """All that is waited for here has a limit of its own, and many kills may take hours."""


@dataclass
class Bench:
    """Starts `bench run` in a folder of its own and knows every process that comes of it."""

    folder: Path
    mark: str

    def start(
        self, *arguments: str, suite: str = "hardy.toml", results: str = "results"
    ) -> subprocess.Popen[str]:
        """Run a suite in the background."""
        command = [sys.executable, "-c", "from bench.cli import main; main()", "run"]
        command += ["--suite", suite, "--results", results, *(arguments or ("--all",))]
        environment = {
            "PYTHONPATH": os.pathsep.join([str(self.folder), *filter(None, sys.path)]),
            "STRANGERS_JOURNAL": str(self.folder / "journal"),
            "SMER_BENCH_CACHE": str(self.folder / "cache"),
            "SMER_BENCH_TEST": self.mark,
        }
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # as a shell's job: a group of its own
        )

    def processes(self) -> list[int]:
        """Those that run, of any `bench run` started here."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdecimal() and self.mark in (entry / "environ").read_text():
                    found.append(int(entry.name))
            except OSError:  # it has just ended
                continue
        return found

    def journal(self) -> list[str]:
        """What methods have told, a line each."""
        path = self.folder / "journal"
        return path.read_text().splitlines() if path.exists() else []

    def records(self, results: str = "results") -> dict[str, Any]:
        """All records by path, without what differs from run to run; each checked."""
        folder = self.folder / results
        read_records(folder)
        contents = {}
        for path in folder.rglob("*.json"):
            content = json.loads(path.read_bytes())
            del content["provenance"], content["digest"]
            contents[path.relative_to(folder).as_posix()] = content
        return contents

    def assert_tidy(self, results: str = "results") -> None:
        """Nothing is left of a run but its records: no process, no state, no claim, no part."""
        assert soon(lambda: not self.processes())
        # A process that was killed leaves its lock's empty file, until the next run.
        assert not list((self.folder / "cache" / "unfinished").glob("[!.]*"))
        hidden = [p for p in (self.folder / results).rglob("*") if p.name.startswith(".")]
        assert hidden == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "hardy.toml").write_text(SUITE)
    package = tmp_path / "strangers-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: strangers\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[smer_bench.methods]\nstrangers = strangers\n")
    bench = Bench(tmp_path, uuid4().hex)
    yield bench
    kill(bench.processes())  # of a test that has failed


def kill(processes: Iterable[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    output, _ = process.communicate(timeout=600)
    assert process.returncode == code, output
    return output


def test_killed_at_any_moment_and_started_again_it_ends_as_if_undisturbed(bench: Bench) -> None:
    begun = time.monotonic()
    finish(bench.start(results="undisturbed"))
    usual = time.monotonic() - begun
    expected = bench.records("undisturbed")
    assert len(expected) == 7
    moments, kills, results = np.random.default_rng(0), 0, "results"
    while kills < KILLS:
        process = bench.start(results=results)
        with suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0, usual))
        # Either `bench run` alone, or all of its processes, in any order.
        kill([process.pid] if kills % 2 else bench.processes())
        output, _ = process.communicate(timeout=600)
        assert soon(lambda: not bench.processes()), "a worker is left"
        read_records(bench.folder / results)  # none is torn
        if process.returncode == -signal.SIGKILL:
            kills += 1
        else:  # done before it was killed: once more
            assert process.returncode == 0, output
            assert bench.records(results) == expected
            results += "+"
    finish(bench.start(results=results))
    assert bench.records(results) == expected
    assert not read_failures(bench.folder / results)
    bench.assert_tidy(results)


def test_a_long_cell_goes_on_from_its_last_epoch(bench: Bench) -> None:
    lengthy = ("--method", "lengthy", "--seeds", "0")
    finish(bench.start(*lengthy, results="undisturbed"))
    (bench.folder / "journal").unlink()
    process = bench.start(*lengthy)
    assert soon(lambda: "lengthy 0 1" in bench.journal())
    process.kill()
    finish(process, -signal.SIGKILL)
    assert soon(lambda: not bench.processes())
    finish(bench.start(*lengthy))
    counts = [Counter(bench.journal())[f"lengthy 0 {epoch}"] for epoch in range(5)]
    # The epoch that was cut off is done twice, unless the kill came just at its end.
    assert counts[0] == 1
    assert sorted(counts) in ([1, 1, 1, 1, 1], [1, 1, 1, 1, 2])
    assert bench.records() == bench.records("undisturbed")
    bench.assert_tidy()


def test_training_goes_on_from_its_last_epoch_and_ends_as_if_undisturbed(bench: Bench) -> None:
    import torch

    settings = "width = 8\nlayers = 1\nheads = 1\nmax_length = 16\nepochs = 20\n"
    settings += "patience = 1\n"
    (bench.folder / "neural.toml").write_text(ONE_SEED + f"[methods.midigpt]\n{settings}")
    (cell,) = plan(load_suite(str(bench.folder / "neural.toml")))
    state = bench.folder / "cache" / "unfinished" / cell.key / "training.pt"
    process = bench.start(suite="neural.toml")
    assert soon(state.exists)
    process.kill()
    finish(process, -signal.SIGKILL)
    assert soon(lambda: not bench.processes())
    # A mark in the state's history shows in the end that the first epoch was not trained again.
    saved = torch.load(state, weights_only=True)
    saved["history"]["epochs"][0]["train_loss"] = -1.0
    torch.save(saved, state)
    finish(bench.start(suite="neural.toml"))
    (record,) = bench.records().values()
    undisturbed = json.loads(encode_record(run_cell(cell, silent)))
    undisturbed["details"]["history"][0]["train_loss"] = -1.0
    del undisturbed["provenance"]
    assert record == undisturbed
    bench.assert_tidy()


def test_not_even_a_method_that_heeds_nothing_outlives_its_run(bench: Bench) -> None:
    (bench.folder / "deaf.toml").write_text(ONE_SEED + "[methods.deaf]\n")
    process = bench.start(suite="deaf.toml")
    assert soon(lambda: bench.journal() == ["deaf 0"])
    process.kill()
    finish(process, -signal.SIGKILL)
    assert soon(lambda: not bench.processes(), seconds=30)


def test_two_runs_at_once_share_the_work(bench: Bench) -> None:
    both = [bench.start("--all", "-j", "1") for _ in range(2)]
    for process in both:
        finish(process)
    fits = Counter(line for line in bench.journal() if not line.startswith("lengthy"))
    assert fits == {f"brief {seed}": 1 for seed in range(3)}
    epochs = Counter(line for line in bench.journal() if line.startswith("lengthy"))
    assert epochs == {f"lengthy {seed} {epoch}": 1 for seed in range(3) for epoch in range(5)}
    assert len(bench.records()) == 7
    bench.assert_tidy()


def test_one_interrupt_lets_running_cells_finish_and_begins_no_other(bench: Bench) -> None:
    two = ("--method", "brief", "--seeds", "0-1", "--changes", "seconds=1.5", "-j", "1")
    process = bench.start(*two)
    assert soon(lambda: bench.journal() != [])
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of the group
    output = finish(process, 1)
    assert "nothing new begins; Ctrl-C again ends running cells" in output
    assert "interrupted; the same command goes on from here" in output
    assert bench.journal() == ["brief 0"]
    assert list(bench.records()) == ["hardy/synthetic/brief+seconds=1.5/seed-0.json"]
    bench.assert_tidy()
    assert "1 executed, 1 done already, 0 failed" in finish(bench.start(*two))


def test_a_second_interrupt_ends_running_cells_at_once(bench: Bench) -> None:
    slow = ("--method", "brief", "--seeds", "0", "--changes", "seconds=1000")
    process = bench.start(*slow)
    assert soon(lambda: bench.journal() != [])
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(1.0)  # two at once may come as one
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    assert "bench: interrupted" in finish(process, 130)
    assert bench.records() == {}
    bench.assert_tidy()
