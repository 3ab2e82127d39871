"""What a maintainer asks of records that others send: are they what they say they are?

Nothing is believed that can be looked up in the package or computed from the rest of the record.
What cannot be known here, such as the clips of a dataset that is not installed, is noted and does
not make a record wrong. Neither data nor any file that a record names is read, and nothing in a
record is executed. docs/records.md lists every rule.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.errors import UserError
from bench.records import contradictions, parse_record
from bench.store import FAILED, json_files, read_failure, read_file
from bench.verification.checks import CHECKS
from bench.verification.remarks import Remark, note

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.records import CellIdentity, Record

__all__ = ["Verification", "files_to_verify", "verify"]


@dataclass
class Verification:
    """What was found out about some files, each list in their order."""

    records: dict[Path, Record] = field(default_factory=dict)  # those that could be read
    remarks: dict[Path, list[Remark]] = field(default_factory=dict)

    @property
    def n_records(self) -> int:
        """How many files were looked at, but for those of failed cells."""
        return sum(not file.name.endswith(FAILED) for file in self.remarks)

    @property
    def right(self) -> dict[Path, Record]:
        """The records in which nothing is wrong."""
        return {file: r for file, r in self.records.items() if not self.is_wrong(file)}

    def is_wrong(self, file: Path) -> bool:
        """Whether there is a problem with the file, not just something worth knowing."""
        return any(remark.wrong for remark in self.remarks[file])


def files_to_verify(paths: Iterable[Path]) -> list[Path]:
    """The files of records and failures among and below paths, each once, in order.

    Raises:
        UserError: a path does not exist, or there is no such file below it.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        found = json_files(path) if path.is_dir() else [path]
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        if not found:
            raise UserError(f"{path}: holds no records")
        for file in found:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def verify(files: Iterable[Path]) -> Verification:
    """Hold each record against itself, the package and the other records; stop at no problem."""
    found = Verification()
    for file in files:
        remarks = found.remarks[file] = []
        try:
            data = read_file(file)
            if file.name.endswith(FAILED):
                remarks += _misplaced(file, read_failure(file).cell, FAILED)
                continue
            record = parse_record(data, name=file)
        except UserError as error:
            remarks.append(Remark(str(error).removeprefix(f"{file}: ")))
            continue
        found.records[file] = record
        remarks += _of_one(file, data, record)
    for file, remark in _of_all(found.records):
        found.remarks[file].append(remark)
    return found


def _of_one(file: Path, data: bytes, record: Record) -> Iterator[Remark]:
    yield from map(Remark, contradictions(record, data))
    for name in _doubled(data):
        yield Remark(f"{name!r} occurs twice in one object, so readers differ on what it says")
    yield from _misplaced(file, record.cell, ".json")
    for check in CHECKS:
        yield from check(record)
    if not record.digest:
        yield note("no digest, as in records older than it: a careless edit may go unnoticed")


def _misplaced(file: Path, cell: CellIdentity, suffix: str) -> Iterator[Remark]:
    place = cell.path.with_suffix(suffix)
    there = Path(os.path.abspath(file))  # noqa: PTH100 - without "..", which Path.absolute keeps
    if there.parts[-len(place.parts) :] != place.parts:
        yield Remark(f"its place should be {place}")


def _doubled(data: bytes) -> list[str]:
    """Names that occur twice in one of the file's objects."""
    doubled: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        if len(counts) < len(pairs):
            doubled.extend(name for name, n in counts.items() if n > 1)

    json.loads(data, object_pairs_hook=look)
    return doubled


def _of_all(records: dict[Path, Record]) -> Iterator[tuple[Path, Remark]]:
    cells: dict[Any, Path] = {}
    outcomes: dict[tuple[str, str], Path] = {}
    predictions: dict[Any, Path] = {}
    for file, record in records.items():
        cell = record.cell
        row = (cell.suite, cell.dataset, cell.method, cell.changes_key)
        first = cells.setdefault((*row, cell.seed), file)
        if first != file:
            yield file, Remark(f"the same cell as {first}")
            continue
        first = outcomes.setdefault((cell.suite, record.key), file)
        if first != file:
            yield file, Remark(f"the same key as {first}")
        if not record.method.deterministic:
            first = predictions.setdefault((*row, msgspec.json.encode(record.predictions)), file)
            if first != file:
                text = (
                    f"the same predictions as {first} of another seed, to the last digit; "
                    "a method that ignores its seed says deterministic=True"
                )
                # Too few clips to learn from leave one answer for all of them, whatever the seed.
                yield (
                    file,
                    Remark(text, wrong=bool(np.ptp(record.table.probabilities, axis=0).any())),
                )
