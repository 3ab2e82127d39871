"""Running one cell: data, fit, predict, record."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets import load_dataset
from bench.errors import UserError, WorkError
from bench.labels import N_QUADRANTS
from bench.methods import (
    OPTIONAL_PARTS,
    CheckedMethod,
    DetailedMethod,
    ResumableMethod,
    SegmentMethod,
)
from bench.names import pick
from bench.provenance import Meter
from bench.records import (
    MAX_BYTES,
    PROTOCOL,
    DatasetUsed,
    MethodUsed,
    Prediction,
    Record,
    Table,
    encode_record,
    parse_record,
    rounded,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.clips import Clip
    from bench.methods import FloatArray, Method, Progress

#: How far a row of probabilities may be from summing to 1.
_TOLERANCE = 1e-3
#: What a setting may be, by how a constructor's arguments are annotated. Others are not looked at.
_TYPES: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "Sequence[str]": (list, tuple),
}


def check_settings(cell: Cell) -> None:
    """Hold a cell's settings against its method's constructor, before any work.

    Raises:
        UserError: the method has no such setting, and the nearest is named; one is of another
            type; the constructor or the method's `check` refuses them; or the method has something
            else under the name of one of its optional parts.
    """
    method = cell.method.name
    try:
        parameters = inspect.signature(cell.method.load()).parameters
    except (Exception, SystemExit):  # noqa: BLE001 - its cells fail, and say why; others may run
        return
    named = {n: p for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    for name, value in cell.settings.items():
        if name not in named and len(named) < len(parameters):
            continue  # it takes any
        told = named[pick(name, named, f"setting of {method}")].annotation
        kind = told if isinstance(told, str) else getattr(told, "__name__", "")
        if kind in _TYPES and not _is_a(value, _TYPES[kind]):
            written = f": {_as_list(name, value)}" if list in _TYPES[kind] else ""
            raise UserError(
                f"setting {name}={value!r} of {method}: must be of type {kind}{written}"
            )
    try:
        made = _new_method(cell)
        if isinstance(made, CheckedMethod):
            made.check()
    except UserError:
        raise
    except (Exception, SystemExit):  # noqa: BLE001 - likewise
        return


def _is_a(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and (bool in types or not isinstance(value, bool))


def _as_list(name: str, value: object) -> str:
    """How a list is written; a shell takes the quotes of one in no others, so `value` may be it."""
    items = str(value).strip("[]").split(",")
    return f"write '{name}=[" + ", ".join(f'"{item.strip()}"' for item in items) + "]'"


def _new_method(cell: Cell) -> Method:
    try:
        method = cell.method.load()(**cell.settings)
    except (TypeError, ValueError) as error:
        raise UserError(f"{cell.method.name}: these settings do not fit: {error}") from error
    # All of this would else be found out after hours.
    for part in OPTIONAL_PARTS:
        if hasattr(method, part) and not callable(getattr(method, part)):
            raise UserError(
                f"{cell.method.name}: its {part} is no function: see bench/methods.py, or rename it"
            )
    answers = "predict_segments" if hasattr(method, "predict_segments") else "predict_proba"
    for part in ("fit", answers):
        if not callable(getattr(method, part, None)):
            raise UserError(f"{cell.method.name}: it has no function {part}: see bench/methods.py")
    return method


def run_cell(cell: Cell, progress: Progress, scratch: Path | None = None) -> Record:
    """Fit the cell's method and predict its test clips; see `fit_and_record`."""
    return fit_and_record(cell, progress, scratch)[1]


def fit_and_record(
    cell: Cell, progress: Progress, scratch: Path | None = None
) -> tuple[Method, Record]:
    """Fit the cell's method and predict its test clips.

    Args:
        cell: what to run.
        progress: told how far the work is.
        scratch: where a method that can resume keeps its state.

    Returns:
        The fitted method, and the record.

    Raises:
        UserError: the settings do not fit the method, or the data are not in order.
        WorkError: the method's answer is not a table of probabilities, or its details are not JSON.
    """
    meter = Meter()
    dataset = load_dataset(cell.dataset)
    if dataset.digest != cell.dataset_digest:
        raise UserError(f"{cell.dataset}: its manifest has changed since the cell was planned")
    method = _new_method(cell)
    if scratch is not None and isinstance(method, ResumableMethod):
        method.resume_in(scratch)
    method.fit(dataset.train, dataset.valid, seed=cell.seed, progress=progress)
    predictions = predict(method, dataset.test)
    scores, segment_scores = Table.of(predictions).scores()
    record = Record(
        key=cell.key,
        protocol=PROTOCOL,
        cell=cell.identity,
        dataset=DatasetUsed(
            name=dataset.name,
            version=dataset.version,
            digest=dataset.digest,
            n_train=len(dataset.train),
            n_valid=len(dataset.valid),
            n_test=len(dataset.test),
        ),
        method=MethodUsed(
            name=cell.method.name,
            version=cell.method.version,
            encoding=cell.method.encoding,
            deterministic=cell.method.deterministic,
            settings=dict(cell.settings),
        ),
        scores=scores,
        segment_scores=segment_scores,
        details=method.details() if isinstance(method, DetailedMethod) else {},
        provenance=meter.read(cell.method.module),
        predictions=predictions,
    )
    return method, _read_back(record, str(cell.path))


def _read_back(record: Record, name: str) -> Record:
    """The record as it will be read from its file; details may be what no file can hold."""
    try:
        data = encode_record(record)
        if len(data) <= MAX_BYTES:
            return parse_record(data, name=name)
    except (TypeError, ValueError, RecursionError, UserError) as error:
        raise WorkError(f"a record that cannot be kept: {error}") from error
    raise WorkError(f"a record of {len(data) >> 20} MB: the limit is {MAX_BYTES >> 20} MB")


def predict(method: Method, clips: Sequence[Clip]) -> list[Prediction]:
    """A fitted method's predictions for labelled clips, checked and rounded.

    Raises:
        WorkError: wrong shapes, not-a-number, or rows that do not sum to 1.
    """
    if isinstance(method, SegmentMethod):
        tables = method.predict_segments(clips)
        if len(tables) != len(clips):
            raise WorkError(f"predict_segments gave {len(tables)} tables for {len(clips)} clips")
        segments = [_checked(table, None, "predict_segments") for table in tables]
        return [
            Prediction(
                clip=clip.id,
                label=clip.label,
                p=rounded(table.mean(axis=0)),
                segments=[rounded(row) for row in table],
            )
            for clip, table in zip(clips, segments, strict=True)
        ]
    table = _checked(method.predict_proba(clips), len(clips), "predict_proba")
    return [
        Prediction(clip=clip.id, label=clip.label, p=rounded(row))
        for clip, row in zip(clips, table, strict=True)
    ]


def _checked(answer: FloatArray, n_rows: int | None, what: str) -> FloatArray:
    try:
        table = np.asarray(answer, dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise WorkError(f"{what}: not a table of probabilities: {error}") from error
    if table.ndim != 2 or table.shape[1] != N_QUADRANTS or not len(table):
        raise WorkError(f"{what}: probabilities of shape {table.shape}, not (n, {N_QUADRANTS})")
    if n_rows is not None and len(table) != n_rows:
        raise WorkError(f"{what}: {len(table)} rows of probabilities for {n_rows} clips")
    with np.errstate(over="ignore"):  # infinity is not 1 either
        off = abs(table.sum(axis=1) - 1) > _TOLERANCE
    for wrong, text in (
        ((~np.isfinite(table) | (table < 0)).any(axis=1), "are negative or not numbers"),
        (off, "do not sum to 1"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            told = ", ".join(f"{value:.4g}" for value in table[row])
            raise WorkError(f"{what}: probabilities that {text}: row {row} is {told}")
    return table
