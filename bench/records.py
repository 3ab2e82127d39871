"""What a finished cell leaves behind, and the rules by which it is believed.

A record is one JSON file, of some 100 kB. Its predictions are the truth in it: every score
is computed from them again when the record is loaded, and a record whose scores say otherwise is
refused. `bench.verification` goes further: it holds a record against the manifest and the suite.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from itertools import chain
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from bench.errors import UserError
from bench.labels import N_QUADRANTS
from bench.names import NAME, changed_name
from bench.scoring import Scores, score_predictions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

#: Version of the rules of measurement: data handling, scoring, what a method may see. Records of
#: different versions never stand on one board.
PROTOCOL = 1

#: Decimals kept of a probability.
DECIMALS = 4

#: No record is near this size; a file that is larger is not read.
MAX_BYTES = 8 * 2**20

#: How far four kept probabilities may be from summing to 1: a method's may by 0.001, and each is
#: rounded.
SUM_TOLERANCE = 1.5e-3

#: What msgspec raises for a file that is not what it should be. Nesting without end is the last.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_MAX_DEPTH = 16

#: Four numbers as MessagePack has them: each thing begins with a byte that says what it is.
_PACKED_ROW = np.dtype(
    [("list", "u1"), ("values", [("float", "u1"), ("value", ">f8")], N_QUADRANTS)]
)

Name = Annotated[str, msgspec.Meta(pattern=NAME)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Probabilities = Annotated[list[float], msgspec.Meta(min_length=4, max_length=4)]
Setting = Any  # a JSON value: str, int, float, bool or a list of these


class CellIdentity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which cell of the benchmark: see `bench.cells.Cell`."""

    suite: Name
    dataset: Name
    method: Name
    seed: Count
    changes: dict[str, Setting] = {}

    @property
    def path(self) -> PurePosixPath:
        """`suite/dataset/method/seed-N.json`; changes join the method: `midibert+tasks=key`."""
        folder = changed_name(self.method, self.changes)
        return PurePosixPath(self.suite, self.dataset, folder, f"seed-{self.seed}.json")

    @property
    def changes_key(self) -> str:
        """The changes as text, equal for equal ones; "" without any."""
        return _json(self.changes) if self.changes else ""


class DatasetUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The data a cell was run on."""

    name: Name
    version: str
    digest: str  # of the manifest
    n_train: Count
    n_valid: Count
    n_test: Count


class MethodUsed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The method as it was run, with the suite's settings and the changes to them."""

    name: Name
    version: Count
    encoding: str
    deterministic: bool
    settings: dict[str, Setting]


class Prediction(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    gc=False,  # there are a thousand a record, and no cycles
):
    """One test clip."""

    clip: str
    label: Annotated[int, msgspec.Meta(ge=0, le=3)]
    p: Probabilities  # of Q1..Q4, four decimals
    #: Of the clip's segments, for methods that cut clips.
    segments: Annotated[list[Probabilities], msgspec.Meta(min_length=1)] | None = None


class Provenance(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
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
    code: str = ""  # digest of the code of a method of another package, whose version may stay


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """One finished cell. docs/records.md tells of every field."""

    key: str  # `bench.cells.Cell.key`: digest of everything that changes the outcome
    protocol: Count
    cell: CellIdentity
    dataset: DatasetUsed
    method: MethodUsed
    scores: Scores  # over clips
    segment_scores: Scores | None  # over segments
    details: dict[str, Any]  # what the method tells: history, n_parameters, start, dimensions
    provenance: Provenance
    predictions: list[Prediction]
    #: `content_digest` of the rest; "" in records that are older than this field.
    digest: str = ""

    @cached_property
    def table(self) -> Table:
        """The predictions as arrays."""
        return Table.of(self.predictions)

    def condensed(self) -> Record:
        """The same without its predictions but for the table of them: a quarter of the memory."""
        bare = msgspec.structs.replace(self, predictions=[])
        vars(bare)["table"] = self.table
        return bare


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Predictions as arrays, made in one go: to walk a million small objects takes its time."""

    clips: tuple[str, ...]  # one object for all that are equal
    labels: IntArray  # true quadrants, shape (n_clips,)
    probabilities: FloatArray  # shape (n_clips, 4)
    answers: IntArray  # predicted quadrants, shape (n_clips,)
    n_segments: IntArray  # of each clip, 0 where there are none; shape (n_clips,)
    segment_probabilities: FloatArray  # of all clips, one after another; shape (n_segments, 4)
    segment_answers: IntArray  # shape (n_segments,)

    def __eq__(self, other: object) -> bool:
        """Whether both are of the same predictions."""
        return isinstance(other, Table) and all(
            np.array_equal(getattr(self, field.name), getattr(other, field.name))
            for field in fields(self)
        )

    @classmethod
    def of(cls, predictions: Sequence[Prediction]) -> Table:
        """Predictions as arrays, in their order."""
        cut = [p.segments or () for p in predictions]
        probabilities = _stacked([p.p for p in predictions])
        segments = _stacked(list(chain.from_iterable(cut)))
        return cls(
            clips=_shared(tuple([p.clip for p in predictions])),
            labels=np.array([p.label for p in predictions], dtype=np.int64),
            probabilities=probabilities,
            answers=probabilities.argmax(axis=1),
            n_segments=np.array([*map(len, cut)], dtype=np.int64),
            segment_probabilities=segments,
            segment_answers=segments.argmax(axis=1),
        )

    @property
    def segment_labels(self) -> IntArray:
        """True quadrants of the segments, those of their clips; shape (n_segments,)."""
        return np.repeat(self.labels, self.n_segments)

    def scores(self) -> tuple[Scores, Scores | None]:
        """Clip-level and, where all clips have segments, segment-level scores."""
        scores = score_predictions(self.labels, self.answers)
        if not self.n_segments.all():
            return scores, None
        return scores, score_predictions(self.segment_labels, self.segment_answers)


@lru_cache(maxsize=64)
def _shared(clips: tuple[str, ...]) -> tuple[str, ...]:
    """The same object for equal names: the records of a board have a few test sets between them."""
    return clips


def rounded(row: FloatArray) -> list[float]:
    """Probabilities as a record keeps them; the largest stays the first of the largest.

    Four decimals can make two probabilities equal, which would let the first of them win.
    """
    kept = np.round(row, DECIMALS)
    winner = int(np.argmax(row))
    if int(np.argmax(kept)) != winner:
        kept[winner] += 10.0**-DECIMALS
    return [float(value) for value in np.round(kept, DECIMALS)]


def _stacked(rows: list[list[float]]) -> FloatArray:
    """Rows of four numbers as an array, four times as fast as NumPy walks through lists."""
    packed = msgspec.msgpack.encode(rows)
    numbers = np.frombuffer(
        packed, _PACKED_ROW, offset=len(packed) - _PACKED_ROW.itemsize * len(rows)
    )
    return numbers["values"]["value"].astype(np.float64)


def encode_record(record: Record) -> bytes:
    """The file's content: stable field order, one field and one prediction a line, for diffs."""
    lines = []
    for field in Record.__struct_fields__:
        value = getattr(record, field)
        if field == "digest" and not value:
            continue
        if field == "predictions":
            text = "[\n  " + ",\n  ".join(map(_json, value)) + "\n ]"
        else:
            text = _json(value)
        lines.append(f" {_json(field)}: {text}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def sealed(record: Record) -> Record:
    """The record with its digest, as it is written."""
    return msgspec.structs.replace(record, digest=content_digest(record))


def content_digest(record: Record) -> str:
    """sha256 of what a record says, but for its digest and however its file is laid out.

    It is that of the file as `encode_record` writes it without a digest. It shows accidents and
    careless edits; whoever means to deceive computes it anew.
    """
    bare = msgspec.structs.replace(record, digest="")
    return hashlib.sha256(encode_record(bare)).hexdigest()


def _is_sealed(record: Record, data: bytes) -> bool:
    """Whether the digest is that of the content. A file as it was written is not encoded anew."""
    end = b"\n}\n"
    told = b',\n "digest": ' + _json(record.digest).encode() + end
    if data.endswith(told):
        as_written = hashlib.sha256(memoryview(data)[: -len(told)])
        as_written.update(end)
        if as_written.hexdigest() == record.digest:
            return True
    return content_digest(record) == record.digest


def decode_record(data: bytes, *, name: str | Path) -> Record:
    """A record from its file's content.

    Raises:
        UserError: not a record, or it contradicts itself; names the file.
    """
    record = parse_record(data, name=name)
    for problem in contradictions(record, data):
        raise UserError(f"{name}: {problem}; delete it and run its cell again")
    return record


def parse_record(data: bytes, *, name: str | Path) -> Record:
    """A record that is not checked yet.

    Raises:
        UserError: it is none, or holds numbers or nesting that no record has; names the file.
    """
    try:
        record = msgspec.json.decode(data, type=Record)
    except UNREADABLE as error:
        raise UserError(f"{name}: not a record: {error}") from None
    if not _is_plain([record.cell.changes, record.method.settings, record.details]):
        raise UserError(f"{name}: not a record: a number beyond 64 bits, or too deep nesting")
    return record


def contradictions(record: Record, data: bytes) -> Iterator[str]:
    """What in a record disagrees with the rest of it, one line each.

    Args:
        record: the record.
        data: the content of its file.
    """
    if not record.predictions:
        yield "holds no predictions"
        return
    yield from _improbable(record)
    scores, segment_scores = record.table.scores()
    yield from _wrong_scores(record.scores, scores, "clip")
    yield from _wrong_scores(record.segment_scores, segment_scores, "segment")
    if record.digest and not _is_sealed(record, data):
        yield "its digest is not that of its content: it was changed after it was written"


def _improbable(record: Record) -> Iterator[str]:
    for rows in (record.table.probabilities, record.table.segment_probabilities):
        with np.errstate(over="ignore"):  # infinity is not 1 either
            error = np.abs(sum(rows.T) - 1)  # four times as fast as a sum over an axis so short
        if len(rows) and (rows.min() < 0 or error.max() > SUM_TOLERANCE):
            wrong = (rows < 0).any(axis=1) | (error > SUM_TOLERANCE)
            row = rows[int(np.argmax(wrong))].tolist()
            yield f"{wrong.sum()} rows are not probabilities, the first is {row}"


def _wrong_scores(told: Scores | None, found: Scores | None, level: str) -> Iterator[str]:
    if told is None or found is None:
        if told is not found:
            yield f"{level}-level scores do not match the predictions"
        return
    for field in Scores.__struct_fields__:
        says, is_ = getattr(told, field), getattr(found, field)
        if not _same(says, is_):
            yield f"{level}-level {field} is {_short(says)}, but its predictions give {is_}"


def _is_plain(values: list[Any]) -> bool:
    """Whether JSON values are ones that every reader can take."""
    for _ in range(_MAX_DEPTH):
        inner: list[Any] = []
        for value in values:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, int) and abs(value) >= 2**63:
                return False
        values = inner
    return not values


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _same(told: object, found: object) -> bool:
    if isinstance(told, float) and isinstance(found, float):
        return abs(told - found) < 1e-9
    return told == found


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
