"""Running cells anew, to see whether the same comes out."""

from __future__ import annotations

import hashlib
from collections import Counter
from math import sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from bench.cells import Cell
from bench.datasets import dataset_names
from bench.errors import UserError, WorkError
from bench.execution import check_settings
from bench.provenance import cpu_name
from bench.registry import find_method, methods
from bench.starts import START
from bench.store import Store, read_record
from bench.verification.identity import has_start, shipped_start, shipped_suite, threads_of
from bench.verification.remarks import Remark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.records import Record
    from bench.running import Outcome

#: How far a probability of a deterministic method may be from its record's: sums of floats, and
#: with them the fourth decimal, depend on the machine.
TOLERANCE = 1e-3

#: How far apart the accuracies of a record and its re-run may be, in standard deviations of the
#: difference of two seeds. No two seeds of a row of the board are so far apart (docs/records.md).
FARTHEST = 5.0

#: Details of a record that the machine has a say in; see docs/records.md.
_MACHINE_DETAILS = ("precision", "attention")


def choose(records: Mapping[Path, Record], n: int, *, draw: str) -> dict[Path, Record]:
    """The n records to run again: one of each method, then another of each, and so on.

    In a round deterministic methods come first, and the draw decides the rest: a digest of it and
    the cell. Who does not know the draw cannot tell which records will be looked at. Left out are
    records whose method, dataset or start is not on this machine.
    """
    drawn = {
        file: hashlib.sha256(f"{draw} {record.cell.path}".encode(errors="replace")).hexdigest()
        for file, record in records.items()
        if _can_rerun(record)
    }
    rounds: Counter[str] = Counter()
    order: dict[Path, tuple[int, bool, str]] = {}
    for file in sorted(drawn, key=lambda file: (drawn[file], file)):
        method = records[file].method
        order[file] = rounds[method.name], not method.deterministic, drawn[file]
        rounds[method.name] += 1
    return {file: records[file] for file in sorted(order, key=order.__getitem__)[:n]}


def rerun(
    records: Mapping[Path, Record],
    run: Callable[[Store, Sequence[Cell]], Outcome],
    beside: Iterable[Record] = (),
) -> dict[Path, list[Remark]]:
    """Run the cells of records in which nothing is wrong again; what comes of it, by file.

    Args:
        records: those that were chosen.
        run: runs cells, fetches their data where it must, and puts their records into the store.
        beside: records that tell how far other seeds of the same cells are apart.

    Raises:
        WorkError: the run was interrupted.
    """
    remarks: dict[Path, list[Remark]] = {}
    files: dict[Cell, Path] = {}
    for file, record in records.items():
        cell = cell_of(record)
        try:
            check_settings(cell)
        except UserError as error:  # the record's mistake, not the user's
            remarks[file] = [Remark(f"its re-run failed: {error}")]
        else:
            files[cell] = file
    beside = list(beside)
    with TemporaryDirectory(prefix="smer-bench-") as folder:
        outcome = run(Store(Path(folder)), list(files))
        for cell in outcome.finished:
            file = files[cell]
            again = read_record(Path(folder, cell.path))
            remarks[file] = compare(records[file], again, beside)
    for cell, reason in outcome.failed:
        remarks[files[cell]] = [Remark(f"its re-run failed: {reason}")]
    if outcome.interrupted:
        raise WorkError("interrupted")
    return remarks


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


def compare(record: Record, again: Record, beside: Iterable[Record] = ()) -> list[Remark]:
    """What the re-run says of the record; nothing if it came out the same.

    A deterministic method must give the same probabilities on every machine, to within
    `TOLERANCE`; a seeded one only where all that is known to change them is the same, for training
    multiplies what sums of floats differ by. Elsewhere it is as another seed, and may be as far
    off.

    Args:
        record: the record.
        again: that of its re-run, on this machine.
        beside: other records, among them those of other seeds of the same cell.
    """
    remarks = []
    if has_start(record) and record.details.get(START) != again.details.get(START):
        remarks.append(Remark("its re-run reports another start"))
    told, found = record.table.probabilities, again.table.probabilities
    differences = np.abs(told - found).max(axis=1)
    n = int((differences > TOLERANCE).sum())
    if n:
        differing = _elsewhere(record, again)
        alike = record.method.deterministic or not (differing or _used_gpu(again))
        too_far = _is_beyond_seeds(record, again, beside)
        worst = record.predictions[int(np.argmax(differences))].clip
        text = (
            f"its re-run predicts otherwise for {n:,} of {len(told):,} clips, most of all {worst} "
            f"(by {differences.max():.4f}); accuracy {again.scores.accuracy:.4f}, in the record "
            f"{record.scores.accuracy:.4f}"
        )
        text += ", further apart than seeds are" if too_far else ""
        text += f" ({'; '.join(differing)})" if differing else ""
        remarks.append(Remark(text, wrong=alike or too_far))
    return remarks


def _is_beyond_seeds(record: Record, again: Record, beside: Iterable[Record]) -> bool:
    """Whether the accuracies are further apart than those of two seeds.

    The standard deviation of one is taken as that of chance, in as many clips, or as that of the
    row's other seeds, whichever is larger.
    """
    told, found = record.scores.accuracy, again.scores.accuracy
    mean = (told + found) / 2
    spread = sqrt(mean * (1 - mean) / record.scores.n)
    others = [r.scores.accuracy for r in beside if _are_seeds_of_one_cell(r, record)]
    if len(others) > 1:
        spread = max(spread, float(np.std(others, ddof=1)))
    return abs(told - found) > FARTHEST * sqrt(2) * spread


def _are_seeds_of_one_cell(first: Record, second: Record) -> bool:
    one, other = first.cell, second.cell
    return one.seed != other.seed and replace(one, seed=other.seed) == other


def _used_gpu(again: Record) -> bool:
    """Whether a record of this machine was computed on a GPU, whose kernels add in no fixed order.

    A record names the GPU if one was used.
    """
    return again.provenance.device != cpu_name()


def _elsewhere(record: Record, again: Record) -> list[str]:
    """In what the two runs were computed otherwise, as far as they tell."""
    told, here = record.provenance, again.provenance
    differing = [
        f"{name} {told.libraries.get(name, 'none')} there, {here.libraries.get(name, 'none')} here"
        for name in sorted(told.libraries.keys() | here.libraries.keys())
        if told.libraries.get(name) != here.libraries.get(name)
    ]
    for name in _MACHINE_DETAILS:
        there, now = (run.details.get(name, "untold") for run in (record, again))
        if there != now:
            differing.append(f"{name} {there} there, {now} here")
    if told.code != here.code:
        differing.append("other code of its package")
    if told.device != here.device:
        differing.insert(0, f"{told.device} there, {here.device} here")
    return differing
