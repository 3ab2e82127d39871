"""Running cells anew, to see whether the same comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.cells import Cell
from bench.datasets import dataset_names
from bench.registry import find_method, methods
from bench.starts import START
from bench.verification.identity import has_start, shipped_start, shipped_suite, threads_of
from bench.verification.remarks import Remark

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.records import Record

#: How far a probability of a deterministic method may be from its record's: sums of floats, and
#: with them the fourth decimal, depend on the machine.
TOLERANCE = 1e-3


def choose(records: Mapping[Path, Record], n: int) -> list[Path]:
    """The n records to run again: of deterministic methods first, then in the order of their keys.

    A key is a digest, so no one can choose what is looked at. Left out are records whose method,
    dataset or start is not on this machine.
    """
    possible = [file for file, record in records.items() if _can_rerun(record)]
    return sorted(
        possible, key=lambda file: (not records[file].method.deterministic, records[file].key)
    )[:n]


def _can_rerun(record: Record) -> bool:
    return (
        record.method.name in methods()
        and record.cell.dataset in dataset_names()
        and not (has_start(record) and shipped_start(record) is None)
    )


def cell_of(record: Record) -> Cell:
    """The cell to run, from a record in which nothing is wrong."""
    told = record.cell
    suite = shipped_suite(told.suite)
    return Cell(
        suite=told.suite,
        dataset=told.dataset,
        dataset_digest=record.dataset.digest,
        method=find_method(told.method),
        seed=told.seed,
        settings=record.method.settings,
        changes=told.changes,
        threads=threads_of(record) or 0,
        time_limit_minutes=suite.time_limit_minutes if suite else 720.0,
    )


def compare(record: Record, again: Record) -> list[Remark]:
    """What the re-run says of the record; nothing if it came out the same.

    A deterministic method must give the same probabilities on every machine, to within
    `TOLERANCE`. A seeded one need not: training multiplies what sums of floats differ by.
    """
    remarks = []
    if has_start(record) and record.details.get(START) != again.details.get(START):
        remarks.append(Remark("its re-run reports another start"))
    told, found = record.table.probabilities, again.table.probabilities
    differences = np.abs(told - found).max(axis=1)
    n = int((differences > TOLERANCE).sum())
    if n:
        worst = record.predictions[int(np.argmax(differences))].clip
        text = (
            f"its re-run predicts otherwise for {n:,} of {len(told):,} clips, most of all {worst} "
            f"(by {differences.max():.4f}); accuracy {again.scores.accuracy:.4f}, in the record "
            f"{record.scores.accuracy:.4f}{_elsewhere(record, again)}"
        )
        remarks.append(Remark(text, wrong=record.method.deterministic))
    return remarks


def _elsewhere(record: Record, again: Record) -> str:
    """How the two machines differ."""
    told, here = record.provenance, again.provenance
    differing = [
        f"{name} {told.libraries.get(name, 'none')} there, {here.libraries.get(name, 'none')} here"
        for name in sorted(told.libraries.keys() | here.libraries.keys())
        if told.libraries.get(name) != here.libraries.get(name)
    ]
    if told.device != here.device:
        differing.insert(0, f"{told.device} there, {here.device} here")
    return f" ({'; '.join(differing)})" if differing else ""
