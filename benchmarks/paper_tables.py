"""How long the paper's Tables 2 and 3 take on a GPU, estimated from the cells that were run on one.

    python benchmarks/paper_tables.py --at-once 3 [--results DIR]

Takes the records of the paper suite's networks that name a GPU, run so many at once on it as
`--at-once` says. A cell that has no record is taken to have as many epochs as those had in the
mean, or its suite's limit if that is lower. Its epochs take longer than theirs either as its steps
are more, as where launching kernels takes the time, or as its operations are, as where the GPU
works all the time. Both are told: a step of more operations takes something in between.
"""

from __future__ import annotations

import argparse
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from operations import STEP, forward_operations

from bench.cells import plan
from bench.datasets import load_dataset
from bench.store import Store, read_record
from bench.suites import load_suite
from models.neural_method import NeuralMethod

if TYPE_CHECKING:
    from bench.cells import Cell

TABLE_2, TABLE_3 = "table2", "table3"


@dataclass(frozen=True)
class Epoch:
    """What one takes: to learn from the train clips, and to answer for the valid ones."""

    steps: int
    operations: float


@dataclass
class Row:
    """The cells of a row of a table, one for each seed."""

    cells: list[Cell]
    epoch: Epoch
    limit: int  # of a cell's epochs
    tables: set[str]


def main() -> None:
    """Estimate, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--at-once", type=int, required=True, help="cells that shared the GPU")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()

    rows = table_rows()
    store = Store(options.results)
    n_epochs: list[int] = []
    seconds: list[float] = []  # that the GPU had for a cell
    steps = operations = 0.0
    for row in rows.values():
        for cell in filter(store.is_done, row.cells):
            record = read_record(options.results / cell.path)
            if "NVIDIA" not in record.provenance.device:
                continue
            n = record.details["epochs_run"]
            n_epochs.append(n)
            seconds.append(record.provenance.wall_seconds / options.at_once)
            steps += n * row.epoch.steps
            operations += n * row.epoch.operations
            print(f"measured: {cell.path.with_suffix('')}, {n} epochs, {seconds[-1]:.0f} s")
    if not seconds:
        parser.error(f"{options.results} has no record of a network of the paper suite on a GPU")
    a_step, an_operation = sum(seconds) / steps, sum(seconds) / operations
    print(f"{1 / a_step:.0f} steps a second, {1e-12 / an_operation:.0f} TFLOP/s")

    hours = {table: [0.0, 0.0] for table in (TABLE_2, TABLE_3)}
    for name, row in rows.items():
        total = min(statistics.mean(n_epochs), row.limit) * len(row.cells) / 3600
        both = (total * row.epoch.steps * a_step, total * row.epoch.operations * an_operation)
        for table in row.tables:
            hours[table] = [had + more for had, more in zip(hours[table], both, strict=True)]
        print(
            f"{name}: {row.epoch.steps} steps, {row.epoch.operations / 1e12:.0f} TFLOP an epoch; "
            f"{len(row.cells)} cells in {both[0]:.1f} h by steps, {both[1]:.1f} h by operations"
        )
    told = (f"{t}_h_by_steps={s:.1f} {t}_h_by_operations={o:.1f}" for t, (s, o) in hours.items())
    print(f"paper_tables cells={len(seconds)} at_once={options.at_once} {' '.join(told)}")


def table_rows() -> dict[str, Row]:
    """The networks' rows of both tables, by the folder of their records."""
    suite = load_suite("paper")
    rows: dict[str, Row] = {}
    for dataset in suite.datasets:
        for method in ("midibert", "mt-midibert", "midigpt", "mt-midigpt"):
            add(rows, TABLE_2, plan(suite, method=method, dataset=dataset))
    for tasks in ([], ["key"], ["velocity"], ["key", "velocity"]):
        changes = {"tasks": tasks} if tasks else {}
        add(rows, TABLE_3, plan(suite, method="midibert", dataset="emopia", changes=changes))
    return rows


def add(rows: dict[str, Row], table: str, cells: list[Cell]) -> None:
    """Add the row of these cells to a table."""
    name = str(cells[0].path.parent)
    if name not in rows:
        method = cells[0].method.load()(**cells[0].settings)
        assert isinstance(method, NeuralMethod)
        rows[name] = Row(cells, epoch_of(method, cells[0].dataset), method.epochs, set())
    rows[name].tables.add(table)


def epoch_of(method: NeuralMethod, dataset: str) -> Epoch:
    """One of a method's epochs on a dataset."""
    clips = load_dataset(dataset)
    train, valid = map(method.labelled_examples, (clips.train, clips.valid))
    with torch.device("meta"):
        backbone = method.new_backbone()
    return Epoch(
        steps=math.ceil(len(train) / method.batch_size),
        operations=STEP * forward_operations(backbone, map(len, train))
        + forward_operations(backbone, map(len, valid)),
    )


if __name__ == "__main__":
    main()
