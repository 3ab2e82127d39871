"""The rules for one record, each a function from the record to remarks."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.cells import canonical, plan
from bench.datasets import clip_rows, dataset_info, dataset_names
from bench.datasets.builtin import BUILT_IN
from bench.errors import UserError
from bench.labels import QUADRANTS
from bench.provenance import code_digest
from bench.records import DECIMALS, PROTOCOL
from bench.registry import methods
from bench.starts import INDUCTIVE, TRANSDUCTIVE, sha256_of
from bench.verification.identity import (
    exposure_on_card,
    has_start,
    shipped_start,
    shipped_suite,
    threads_of,
    told_start,
)
from bench.verification.remarks import Remark, note, some

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.records import Prediction, Record


#: Clocks differ by less.
_CLOCKS = timedelta(days=1)
#: A mean of rounded rows differs from the rounded mean by no more.
_MEAN_TOLERANCE = 3 * 10.0**-DECIMALS


def check_names(record: Record) -> Iterator[Remark]:
    """Cell, dataset and method agree on their names; the protocol is today's."""
    for kind, cell, used in (
        ("dataset", record.cell.dataset, record.dataset.name),
        ("method", record.cell.method, record.method.name),
    ):
        if cell != used:
            yield Remark(f"its cell names the {kind} {cell!r}, its {kind} is {used!r}")
    if record.method.deterministic and record.cell.seed:
        yield Remark(f"seed {record.cell.seed} of a method that ignores it; its only seed is 0")
    if record.protocol != PROTOCOL:
        yield Remark(f"measured by protocol {record.protocol}; the board's is {PROTOCOL}")


def check_dataset(record: Record) -> Iterator[Remark]:
    """Digest, version, sizes, clips and labels are those of the manifest."""
    name, told = record.cell.dataset, record.dataset
    if name not in BUILT_IN and name not in dataset_names():
        yield note(f"dataset {name} is not installed here: clips and labels are not checked")
        return
    try:
        info = dataset_info(name)
        expected = _test_clips(name)
    except UserError as error:
        yield note(f"clips and labels are not checked: {error}")
        return
    if told.digest != info.digest:
        yield Remark(
            f"measured on another manifest of {name}: {told.digest[:12]}, not {info.digest[:12]}"
        )
        return
    if told.version != info.version:
        yield Remark(f"{name} {told.version}, but this manifest is that of {info.version}")
    sizes = {"train": told.n_train, "valid": told.n_valid, "test": told.n_test}
    for split, n in sizes.items():
        if n != info.sizes[split]:
            yield Remark(f"{n} {split} clips, but {name} has {info.sizes[split]}")
    yield from _clips(record.predictions, expected, name)


def _test_clips(name: str) -> dict[str, int]:
    """Test clip -> quadrant 0..3, in the dataset's order."""
    return {row.clip: QUADRANTS.index(row.label) for row in clip_rows(name) if row.split == "test"}


def _clips(
    predictions: Sequence[Prediction], expected: Mapping[str, int], name: str
) -> Iterator[Remark]:
    told = [prediction.clip for prediction in predictions]
    counts = Counter(told)
    missing = [clip for clip in expected if clip not in counts]
    extra = [clip for clip in counts if clip not in expected]
    if missing:
        yield Remark(f"test clips of {name} that are missing: {some(missing)}")
    if extra:
        yield Remark(f"clips that are not test clips of {name}: {some(extra)}")
    twice = [clip for clip, n in counts.items() if n > 1]
    if twice:
        yield Remark(f"clips that occur twice: {some(twice)}")
    elif not (missing or extra) and told != list(expected):
        yield Remark(f"its clips are not in the order of {name}'s manifest")
    wrong = [
        f"{p.clip} is {QUADRANTS[expected[p.clip]]}, not {QUADRANTS[p.label]}"
        for p in predictions
        if expected.get(p.clip, p.label) != p.label
    ]
    if wrong:
        yield Remark(f"relabelled: {some(wrong)}")


def check_predictions(record: Record) -> Iterator[Remark]:
    """A clip's probabilities are the mean of its segments'."""
    wrong = [
        prediction.clip
        for prediction in record.predictions
        if prediction.segments is not None
        and np.abs(np.mean(prediction.segments, axis=0) - prediction.p).max() > _MEAN_TOLERANCE
    ]
    if wrong:
        yield Remark(f"probabilities that are not the mean of the segments': {some(wrong)}")


def check_method(record: Record) -> Iterator[Remark]:
    """Version, encoding and determinism are those of the method as it is installed."""
    entry = methods().get(record.method.name)
    if entry is None:
        yield note(f"method {record.method.name} is not installed here: its version is not checked")
        return
    for field in ("version", "encoding", "deterministic"):
        told, known = getattr(record.method, field), getattr(entry, field)
        if told != known:
            yield Remark(f"run with {field} {told!r} of {entry.name}; today's is {known!r}")
    if (code := record.provenance.code) and code != code_digest(entry.module):
        yield note(f"the code of {entry.name} has changed since it was run: --rerun tells how much")


def check_suite(record: Record) -> Iterator[Remark]:
    """It is a cell of its suite, under the settings that the suite gives it."""
    cell = record.cell
    suite = shipped_suite(cell.suite)
    if suite is None:
        yield note(f"suite {cell.suite} does not come with this package: settings are not checked")
        return
    for kind, name, known in (
        ("dataset", cell.dataset, suite.datasets),
        ("method", cell.method, suite.methods),
    ):
        if name not in known:
            yield Remark(f"suite {suite.name} has no {kind} {name}")
            return
    if cell.seed >= suite.seeds:
        yield note(
            f"seed {cell.seed} is beyond those of suite {suite.name}, 0 to {suite.seeds - 1}"
        )
    if cell.method not in methods():
        return
    (today,) = plan(
        suite,
        method=cell.method,
        dataset=cell.dataset,
        seeds=[cell.seed],
        changes=cell.changes,
    )
    if (today.method.name, today.changes) != (cell.method, cell.changes):
        yield Remark(f"with these changes it is the cell {today}")
        return
    wrong = _differences(record.method.settings, today.settings)
    if wrong:
        yield Remark(f"its settings are not those of suite {suite.name}: {some(wrong)}")


def _differences(told: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Settings that make another key: as JSON, where 6 is not 6.0, and 1 not true."""
    return [
        f"{name} is {told.get(name, 'left out')}, not {known.get(name, 'left out')}"
        for name in sorted(told.keys() | known.keys())
        if (name in told) != (name in known) or canonical(told[name]) != canonical(known[name])
    ]


def check_key(record: Record) -> Iterator[Remark]:
    """The key follows from what the record says, with as many threads as the suite says."""
    threads = threads_of(record)
    if threads is None:
        yield Remark(f"its key {record.key!r} does not follow from what it says of its cell")
        return
    suite = shipped_suite(record.cell.suite)
    if suite and threads != suite.threads:
        yield Remark(f"run with {threads} threads; suite {suite.name} says {suite.threads}")


def check_start(record: Record) -> Iterator[Remark]:
    """A start states its content and whether it may have seen test clips."""
    if not has_start(record):
        return
    start, shipped = told_start(record), shipped_start(record)
    if start.get("exposure") not in (INDUCTIVE, TRANSDUCTIVE):
        yield Remark("does not say whether its start is inductive or transductive")
    if not re.fullmatch("[0-9a-f]{64}", str(start.get("sha256"))):
        yield Remark("does not give the sha256 of its start")
    elif shipped is None:
        yield note("starts from a checkpoint that is not in this package: it is taken at its word")
    elif start["sha256"] != sha256_of(shipped):
        yield Remark(f"its start is another file than today's {shipped.name}")
    elif (exposure := exposure_on_card(shipped)) not in (None, start.get("exposure")):
        yield Remark(f"its start is {exposure}, by the card in {shipped.name}")


def check_provenance(record: Record) -> Iterator[Remark]:
    """Where, when and with what it was run is stated."""
    told = record.provenance
    for field in ("package", "python", "platform", "device", "libraries"):
        if not getattr(told, field):
            yield Remark(f"its provenance has no {field}")
    if told.revision and not re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", told.revision):
        yield Remark(f"its provenance's revision is not a commit: {told.revision[:60]!r}")
    if not told.revision:
        yield note("no git revision: run from an installed package, or git could not tell")
    if told.dirty:
        yield note("run from a working tree with uncommitted changes")
    if min(told.wall_seconds, told.cpu_seconds) < 0 or told.peak_memory_mb <= 0:
        yield Remark("its provenance gives an impossible cost")
    yield from _finished(told.finished)


def _finished(text: str) -> Iterator[Remark]:
    try:
        finished = datetime.fromisoformat(text)
    except ValueError:
        yield Remark(f"finished at {text[:60]!r}, which is not a time in ISO 8601")
        return
    if finished.tzinfo is None:
        yield Remark(f"finished at {text}, which has no time zone")
    elif finished > datetime.now(UTC) + _CLOCKS:
        yield Remark(f"finished at {text}, which is in the future")


#: In the order in which their remarks are read best.
CHECKS = (
    check_names,
    check_dataset,
    check_predictions,
    check_method,
    check_suite,
    check_key,
    check_start,
    check_provenance,
)
