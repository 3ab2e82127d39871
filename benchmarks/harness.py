"""Seconds of the harness itself: a leaderboard of 1,000 records, a plan of 10,000 cells.

    python benchmarks/harness.py [--rounds N]

The records are made up but for their clips, which are the test clips of EMOPIA and VGMIDI: for the
leaderboard, two suites of 25 methods with ten seeds on each dataset, every other method with
segments; for the plan, the first 1,000 of its 10,000 cells. What is timed is the command as a user
types it, start of Python and imports among it: the median over the rounds, and the CPU-seconds of
the fastest. Needs no data.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.cells import plan
from bench.datasets import dataset_info
from bench.datasets.builtin import SOURCES, built_in_manifest
from bench.labels import N_QUADRANTS, QUADRANTS
from bench.records import (
    DECIMALS,
    PROTOCOL,
    CellIdentity,
    DatasetUsed,
    MethodUsed,
    Prediction,
    Provenance,
    Record,
    Table,
    encode_record,
    sealed,
)
from bench.suites import load_suite

if TYPE_CHECKING:
    from collections.abc import Iterable

SUITE = """
name = "harness"
description = "10,000 cells"
datasets = ["emopia", "vgmidi"]
seeds = 1000

[methods]
midibert = {}
midigpt = {}
mt-midibert = { extends = "midibert", tasks = ["key", "velocity"] }
mt-midigpt = { extends = "midigpt", tasks = ["key"] }
gbdt-jsymbolic = {}
"""
N_RECORDS = 1_000
N_CELLS = 10_000


def main() -> None:
    """Measure, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        board, planned, suite = folder / "board", folder / "planned", folder / "harness.toml"
        size = write_records(board, boards_cells())
        print(f"{N_RECORDS:,} records, {size / 2**20:.0f} MiB")
        told = time_command(
            rounds, "leaderboard", "--results", str(board), "-o", str(folder / "board.md")
        )
        suite.write_text(SUITE)
        cells = plan(load_suite(str(suite)))
        assert len(cells) == N_CELLS
        write_records(planned, ((cell.identity, cell.key) for cell in cells[:N_RECORDS]))
        told_plan = time_command(rounds, "plan", "--suite", str(suite), "--results", str(planned))
        assert told_plan.output.count(" 100 of 1000 done") == N_CELLS // 1000
    print(
        f"harness leaderboard_s={told.seconds:.2f} plan_s={told_plan.seconds:.2f} "
        f"leaderboard_cpu_s={told.cpu:.2f} plan_cpu_s={told_plan.cpu:.2f}"
    )


@dataclass(frozen=True)
class Timing:
    """What a command took, and what it printed."""

    seconds: float  # median
    cpu: float  # least
    output: str


def time_command(rounds: int, *arguments: str) -> Timing:
    """Run `bench` with these arguments, several times."""
    command = [str(Path(sys.executable).with_name("bench")), *arguments]
    seconds, cpu, output = [], [], ""
    for _ in range(rounds):
        before, begin = cpu_of_children(), time.perf_counter()
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        seconds.append(time.perf_counter() - begin)
        cpu.append(cpu_of_children() - before)
        print(f"bench {arguments[0]}: {seconds[-1]:.2f} s, {cpu[-1]:.2f} CPU-s", flush=True)
    return Timing(statistics.median(seconds), min(cpu), output)


def cpu_of_children() -> float:
    """CPU-seconds of all ended children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def boards_cells() -> Iterable[tuple[CellIdentity, str]]:
    """The cells of two full boards on each dataset, with made-up keys."""
    methods = [f"method-{i:02}" for i in range(N_RECORDS // (2 * len(SOURCES) * 10))]
    for suite, dataset, method, seed in product(("lite", "paper"), SOURCES, methods, range(10)):
        yield CellIdentity(suite, dataset, method, seed), f"{suite}-{dataset}-{method}-{seed}"


def write_records(results: Path, cells: Iterable[tuple[CellIdentity, str]]) -> int:
    """Make up a record for each cell; their size in bytes."""
    tests = {name: TestSet.of(name) for name in SOURCES}
    size = 0
    for number, (cell, key) in enumerate(cells):
        data = encode_record(sealed(made_up(cell, key, tests[cell.dataset], number)))
        path = results / cell.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        size += len(data)
    return size


@dataclass(frozen=True)
class TestSet:
    """The test clips of a dataset."""

    used: DatasetUsed
    clips: list[str]
    labels: list[int]

    @classmethod
    def of(cls, name: str) -> TestSet:
        """Read from the manifest."""
        info = dataset_info(name)
        rows = [row for row in built_in_manifest(name).rows if row.split == "test"]
        return cls(
            DatasetUsed(name, info.version, info.digest, *info.sizes.values()),
            [row.clip for row in rows],
            [QUADRANTS.index(row.label) for row in rows],
        )


def made_up(cell: CellIdentity, key: str, tests: TestSet, number: int) -> Record:
    """A record of guesses that lean towards the truth, the more the later the method."""
    rng = np.random.default_rng(number)
    method = cell.method
    truth = np.eye(N_QUADRANTS)[tests.labels] * (sum(map(ord, method)) % 20) / 40
    table = rng.dirichlet(np.ones(N_QUADRANTS), len(tests.clips)) + truth
    table = np.round(table / table.sum(axis=1, keepdims=True), DECIMALS)
    cut = sum(map(ord, method)) % 2 == 0
    predictions = [
        Prediction(clip, label, row, segments=[row] if cut else None)
        for clip, label, row in zip(tests.clips, tests.labels, table.tolist(), strict=True)
    ]
    scores, segment_scores = Table.of(predictions).scores()
    return Record(
        key=key,
        protocol=PROTOCOL,
        cell=cell,
        dataset=tests.used,
        method=MethodUsed(method, 1, "", deterministic=False, settings={}),
        scores=scores,
        segment_scores=segment_scores,
        details={"history": [{"epoch": i, "valid_macro_f1": 0.5} for i in range(30)]},
        provenance=Provenance(
            package="",
            revision="",
            dirty=False,
            finished="2026-01-01T00:00:00+00:00",
            python="",
            platform="",
            device="",
            libraries={},
            wall_seconds=60.0,
            cpu_seconds=60.0,
            peak_memory_mb=100.0,
        ),
        predictions=predictions,
    )


if __name__ == "__main__":
    main()
