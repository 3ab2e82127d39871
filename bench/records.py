"""What a finished cell leaves behind, and the rules by which it is believed.

A record is one JSON file of tens of kilobytes. Its predictions are the truth in it: every score
is computed from them again when the record is loaded, and a record whose scores say otherwise is
refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from bench.errors import UserError
from bench.scoring import Scores, score

if TYPE_CHECKING:
    from pathlib import Path

#: Version of the rules of measurement: data handling, scoring, what a method may see. Records of
#: different versions never stand on one board.
PROTOCOL = 1

#: Decimals kept of a probability.
DECIMALS = 4

Probabilities = Annotated[list[float], msgspec.Meta(min_length=4, max_length=4)]
Setting = Any  # a JSON value: str, int, float, bool or a list of these


class CellIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which cell of the benchmark: see `bench.cells.Cell`."""

    suite: str
    dataset: str
    method: str
    seed: int
    changes: dict[str, Setting] = {}


class DatasetUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data a cell was run on."""

    name: str
    version: str
    digest: str  # of the manifest
    n_train: int
    n_valid: int
    n_test: int


class MethodUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The method as it was run: its settings complete, changes applied."""

    name: str
    version: int
    encoding: str
    deterministic: bool
    settings: dict[str, Setting]


class Prediction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One test clip."""

    clip: str
    label: Annotated[int, msgspec.Meta(ge=0, le=3)]
    p: Probabilities  # of Q1..Q4, four decimals
    #: Of the clip's segments, for methods that cut clips.
    segments: list[Probabilities] | None = None


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where, when, with what and at which cost; nothing here changes a score."""

    package: str  # version of smer-bench
    revision: str  # git revision of the working tree, "" outside one
    dirty: bool  # whether that tree had uncommitted changes
    finished: str  # ISO 8601, UTC
    python: str
    platform: str
    device: str  # name of the CPU or GPU
    libraries: dict[str, str]
    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: float


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One finished cell."""

    key: str  # `bench.cells.Cell.key`: digest of everything that changes the outcome
    protocol: int
    cell: CellIdentity
    dataset: DatasetUsed
    method: MethodUsed
    scores: Scores  # over clips
    segment_scores: Scores | None  # over segments
    details: dict[str, Any]  # what the method tells: history, n_parameters, start, dimensions
    provenance: Provenance
    predictions: list[Prediction]


def rounded(row: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """Probabilities as a record keeps them; the largest stays strictly the largest.

    Four decimals can make two probabilities equal, which would let the first of them win.
    """
    kept = np.round(row, DECIMALS)
    winner = int(np.argmax(row))
    if int(np.argmax(kept)) != winner:
        kept[winner] += 10.0**-DECIMALS
    return [float(value) for value in np.round(kept, DECIMALS)]


def scores_of(predictions: list[Prediction]) -> tuple[Scores, Scores | None]:
    """Clip-level and, where there are segments, segment-level scores."""
    clips = score([p.label for p in predictions], [p.p for p in predictions])
    if any(p.segments is None for p in predictions):
        return clips, None
    labels = [p.label for p in predictions for _ in p.segments or ()]
    return clips, score(labels, [row for p in predictions for row in p.segments or ()])


def encode_record(record: Record) -> bytes:
    """The file's content: stable field order, one field and one prediction a line, for diffs."""
    lines = []
    for field in Record.__struct_fields__:
        value = getattr(record, field)
        if field == "predictions":
            text = "[\n  " + ",\n  ".join(map(_json, value)) + "\n ]"
        else:
            text = _json(value)
        lines.append(f" {_json(field)}: {text}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def decode_record(data: bytes, *, name: str | Path) -> Record:
    """A record from its file's content.

    Raises:
        UserError: not a record, or its scores do not follow from its predictions; names the file.
    """
    try:
        record = msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{name}: not a record: {error}") from None
    check_record(record, name=name)
    return record


def check_record(record: Record, *, name: str | Path) -> None:
    """Hold a record against itself.

    Raises:
        UserError: what disagrees, by name.
    """
    if not record.predictions:
        raise UserError(f"{name}: holds no predictions")
    scores, segment_scores = scores_of(record.predictions)
    for told, found, level in (
        (record.scores, scores, "clip"),
        (record.segment_scores, segment_scores, "segment"),
    ):
        if (told is None) != (found is None):
            raise UserError(f"{name}: {level}-level scores do not match the predictions")
        if told is None or found is None:
            continue
        for field in Scores.__struct_fields__:
            if not _same(getattr(told, field), getattr(found, field)):
                raise UserError(
                    f"{name}: {level}-level {field} is {getattr(told, field)}, "
                    f"but its predictions give {getattr(found, field)}"
                )


def _same(told: object, found: object) -> bool:
    if isinstance(told, float) and isinstance(found, float):
        return abs(told - found) < 1e-9
    return told == found


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
