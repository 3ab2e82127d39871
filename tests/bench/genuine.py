"""Records as `bench run` writes them, made without running anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.cells import plan
from bench.datasets import dataset_info, manifest_rows
from bench.labels import QUADRANTS
from bench.records import (
    PROTOCOL,
    DatasetUsed,
    MethodUsed,
    Prediction,
    Provenance,
    Record,
    Table,
    encode_record,
    rounded,
    sealed,
)
from bench.suites import load_suite

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cells import Cell

PROVENANCE = Provenance(
    package="0.1.0",
    revision="0123456789abcdef0123456789abcdef01234567",
    dirty=False,
    finished="2026-01-01T00:00:00+00:00",
    python="3.11.7",
    platform="Linux x86_64",
    device="a CPU",
    libraries={"numpy": "2.0.0"},
    wall_seconds=12.5,
    cpu_seconds=25.0,
    peak_memory_mb=100.0,
)


def smoke_cell(method: str, seed: int = 0, **changes: Any) -> Cell:
    """A cell of the smoke suite."""
    (cell,) = plan(load_suite("smoke"), method=method, seeds=[seed], changes=changes)
    return cell


def genuine(cell: Cell, *, segments: bool = False) -> Record:
    """A record in which nothing is wrong but that its predictions are drawn at random."""
    info = dataset_info(cell.dataset)
    rows = [row for row in manifest_rows(cell.dataset) if row.split == "test"]
    drawn = np.random.default_rng(cell.seed).dirichlet(np.ones(4), (len(rows), 2))
    predictions = [
        Prediction(
            row.clip,
            QUADRANTS.index(row.label),
            rounded(pieces.mean(axis=0)),
            [rounded(piece) for piece in pieces] if segments else None,
        )
        for row, pieces in zip(rows, drawn, strict=True)
    ]
    scores, segment_scores = Table.of(predictions).scores()
    entry = cell.method
    return Record(
        key=cell.key,
        protocol=PROTOCOL,
        cell=cell.identity,
        dataset=DatasetUsed(
            info.name,
            info.version,
            info.digest,
            info.sizes["train"],
            info.sizes["valid"],
            info.sizes["test"],
        ),
        method=MethodUsed(
            entry.name, entry.version, entry.encoding, entry.deterministic, dict(cell.settings)
        ),
        scores=scores,
        segment_scores=segment_scores,
        details={},
        provenance=PROVENANCE,
        predictions=predictions,
    )


def put(results: Path, record: Record, *, seal: bool = True, at: str = "") -> Path:
    """Write a record where it belongs, or `at` another place below the folder."""
    path = results / (at or record.cell.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_record(sealed(record) if seal else record))
    return path


def with_predictions(record: Record, predictions: list[Prediction]) -> Record:
    """The record with other predictions and the scores that follow from them."""
    scores, segment_scores = Table.of(predictions).scores()
    return msgspec.structs.replace(
        record, predictions=predictions, scores=scores, segment_scores=segment_scores
    )


def flipped(record: Record) -> Record:
    """The record with the first clip's two largest probabilities exchanged."""
    first = record.predictions[0]
    order = np.argsort(first.p)
    p = list(first.p)
    p[order[-1]], p[order[-2]] = p[order[-2]], p[order[-1]]
    other = msgspec.structs.replace(first, p=p)
    return with_predictions(record, [other, *record.predictions[1:]])
