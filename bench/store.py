"""The results folder: one record per finished cell, one short file per failed one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.claims import Claim, Claims
from bench.errors import UserError
from bench.files import check_folder_writable, partial_files, write_atomically
from bench.records import (
    MAX_BYTES,
    UNREADABLE,
    CellIdentity,
    Record,
    decode_record,
    encode_record,
    sealed,
)

if TYPE_CHECKING:
    from bench.cells import Cell

#: How the file of a cell that failed ends.
FAILED = ".failed.json"
#: Parts of a record's path: suite, dataset, method, seed.
_DEPTH = 4


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a cell has no record."""

    key: str
    cell: CellIdentity
    reason: str  # one line
    log: str  # the end of what the method printed


class _Wall(msgspec.Struct):
    wall_seconds: float


class Head(msgspec.Struct):
    """What a plan wants to know of a record or a failure; nothing else of it is looked at."""

    key: str
    provenance: _Wall | None = None


class Store:
    """Records below one folder, written one at a time and whole."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._claims = Claims(root)

    def is_done(self, cell: Cell) -> bool:
        """Whether the folder holds this very cell's record: same settings, data and protocol."""
        return _key_of(self._record(cell)) == cell.key

    def has_failed(self, cell: Cell) -> bool:
        """Whether this very cell failed when it was last run."""
        return _key_of(self._failure(cell)) == cell.key

    def write(self, cell: Cell, record: Record) -> None:
        """Keep a record, in place of an older one of the same path."""
        write_atomically(self._record(cell), encode_record(sealed(record)))
        with suppress(OSError):  # what is left of it counts no more
            self._failure(cell).unlink()

    def write_failure(self, cell: Cell, reason: str, log: str) -> None:
        """Keep the reason of a failure; an older record of the cell stays."""
        failure = Failure(cell.key, cell.identity, reason, log)
        write_atomically(
            self._failure(cell), msgspec.json.format(msgspec.json.encode(failure), indent=1) + b"\n"
        )

    def failure_stamp(self, cell: Cell) -> int | None:
        """When the failure of this very cell was written, in ns; None if there is none."""
        try:
            return self._failure(cell).stat().st_mtime_ns if self.has_failed(cell) else None
        except OSError:
            return None

    def failure(self, cell: Cell) -> Failure:
        """Why the cell has no record.

        Raises:
            UserError: it has not failed.
        """
        return read_failure(self._failure(cell))

    def claim(self, cell: Cell) -> Claim | None:
        """The right to run the cell, or None while another process has it; see `bench.claims`.

        Raises:
            UserError: the folder cannot be written.
        """
        claim = self._claims.claim(cell.key)
        if claim:
            for path in (self._record(cell), self._failure(cell)):
                for partial in partial_files(path):  # of a process that was killed
                    with suppress(OSError):  # one that stays is hidden, and counts for nothing
                        partial.unlink()
        return claim

    def tidy(self) -> None:
        """Remove what claims of runs that were killed have left."""
        self._claims.tidy()

    def check_writable(self) -> None:
        """Fail now rather than after an hour's work.

        Raises:
            UserError: the folder cannot be written.
        """
        check_folder_writable(self.root)

    def _record(self, cell: Cell) -> Path:
        return self.root / cell.path

    def _failure(self, cell: Cell) -> Path:
        return self._record(cell).with_suffix(FAILED)


def read_records(results: Path, *, condensed: bool = False) -> list[Record]:
    """All records below a folder, in the order of their paths, each checked against itself.

    Args:
        results: the folder.
        condensed: keep tables of predictions alone, for a thousand records fill the memory.

    Raises:
        UserError: a file is not a record or contradicts itself, or as `json_files`; names it.
    """
    records = map(read_record, record_files(results))
    return [record.condensed() if condensed else record for record in records]


def read_record(path: Path) -> Record:
    """One record, checked.

    Raises:
        UserError: it cannot be read, is not a record, or contradicts itself.
    """
    return decode_record(read_file(path), name=path)


def read_failures(results: Path) -> list[Failure]:
    """All failures below a folder but those of cells that have their record, in order of path.

    Raises:
        UserError: a file is not a failure's; the message names it.
    """
    failures = []
    for path in failure_files(results):
        failure = read_failure(path)
        if _key_of(path.with_name(path.name.removesuffix(FAILED) + ".json")) != failure.key:
            failures.append(failure)
    return failures


def read_failure(path: Path) -> Failure:
    """Why a cell has no record.

    Raises:
        UserError: the file is not a failure's; the message names it.
    """
    try:
        return msgspec.json.decode(read_file(path), type=Failure)
    except UNREADABLE as error:
        raise UserError(f"{path}: not a failure's file: {error}") from None


def read_head(path: Path) -> Head | None:
    """The head of a record or a failure; None if there is no such file, or neither in it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head)
    except (OSError, *UNREADABLE):
        return None


def _key_of(path: Path) -> str | None:
    head = read_head(path)
    return head.key if head else None


def json_files(folder: Path) -> list[Path]:
    """The JSON files below a folder, in the order of their paths, but for hidden ones.

    What stands on a board is what `bench verify` looks at.

    Raises:
        UserError: a folder cannot be read, or there is a link, behind which there might be more.
    """

    def refuse(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error

    found = []
    for where, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = [name for name in files if not name.startswith(".")]
        for path in (Path(where, name) for name in (*folders, *files)):
            if path.is_symlink():
                raise UserError(f"{path}: a symbolic link; records must be real files")
        found += [Path(where, name) for name in files if name.endswith(".json")]
    return sorted(found)


def record_files(results: Path, within: str = "") -> list[Path]:
    """The files of records, in the order of their paths.

    Args:
        results: the folder of all records.
        within: only those of this `suite`, `suite/dataset` or `suite/dataset/method`.

    Raises:
        UserError: as `json_files`.
    """
    return _cell_files(results, within, failed=False)


def failure_files(results: Path, within: str = "") -> list[Path]:
    """As `record_files`, those of failures; of some the cell has its record since."""
    return _cell_files(results, within, failed=True)


def _cell_files(results: Path, within: str, *, failed: bool) -> list[Path]:
    return [
        path
        for path in json_files(results / within)
        if path.name.endswith(FAILED) == failed and len(path.relative_to(results).parts) == _DEPTH
    ]


def read_file(path: Path) -> bytes:
    """The content of a file that may be a record.

    Raises:
        UserError: it cannot be read, is not a regular file, or is far larger than any record.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for
            raise UserError(f"{path}: cannot be read: not a regular file")
        if about.st_size > MAX_BYTES:
            raise UserError(f"{path}: over {MAX_BYTES // 2**20} MB, the limit of a record")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
