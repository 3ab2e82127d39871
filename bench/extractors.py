"""Feature extractors: functions from MIDI files to one row of numbers each.

Packages bring extractors through the entry-point group `smer_bench.extractors`, whose entries
name objects that behave as `Extractor`: name = "module:object".
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bench.errors import UserError
from bench.registry import calling, find_point, load_point, point_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.doctor import Finding

    FloatArray = NDArray[np.float64]

GROUP = "smer_bench.extractors"
_PARTS = ("columns", "extract")


@dataclass(frozen=True, slots=True)
class Options:
    """How to extract; what an extractor has no use for, it ignores."""

    jobs: int | None = None  # processes at once; None: as many as the extractor finds sensible
    cached: bool = True  # use values of earlier calls, and keep these for later ones
    program: Path | None = None  # the program that an extractor runs; None: where it looks itself


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file has no row, on one line that does not name the file."""

    reason: str


class Extractor(Protocol):
    """Computes the same columns for any MIDI file."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of all columns."""

    def extract(self, files: Sequence[Path], options: Options) -> list[FloatArray | Failure]:
        """For each file, in order, its row of shape (n_columns,), or why it has none.

        Raises:
            UserError: the extractor cannot work at all, such as for want of its program.
        """


@runtime_checkable
class SelectingExtractor(Protocol):
    """An extractor whose columns go by other names, too, such as codes."""

    def select(self, pattern: str) -> NDArray[np.int64]:
        """Positions in `columns` that a shell-style pattern names, ascending; may be empty."""


@runtime_checkable
class CheckedExtractor(Protocol):
    """An extractor that can tell whether what it needs is there."""

    def check(self) -> list[Finding]:
        """What `bench doctor` shows; may take seconds, never fails."""


@cache
def extractor_names() -> tuple[str, ...]:
    """Names of all extractors; nothing is imported."""
    return tuple(point_names(GROUP))


def load_extractor(name: str) -> Extractor:
    """The extractor of that name.

    Raises:
        UserError: as `bench.registry.load_point`; or it does not have what an extractor has.
    """
    extractor: Any = load_point(GROUP, name, "extractor")
    with calling("extractor", name):  # its columns may be computed
        lacks = [part for part in _PARTS if not hasattr(extractor, part)]
    if isinstance(extractor, type) or lacks:
        value = find_point(GROUP, name, "extractor").value
        wrong = "has no " + " and no ".join(lacks) if lacks else "is a class, not an object"
        raise UserError(f"extractor {name!r}: {value!r} {wrong}: see bench.extractors.Extractor")
    checked: Extractor = extractor
    return checked


def select(extractor: Extractor, name: str, pattern: str) -> tuple[list[str], NDArray[np.int64]]:
    """An extractor's columns, and the positions of those that a shell-style pattern names.

    Raises:
        UserError: the extractor fails, or gives no positions.
    """
    import numpy as np

    with calling("extractor", name):
        columns = [str(column) for column in extractor.columns]
        if isinstance(extractor, SelectingExtractor):
            found = np.asarray(extractor.select(pattern))
        else:
            found = np.flatnonzero([fnmatchcase(column, pattern) for column in columns])
    if not found.size:
        return columns, np.empty(0, np.int64)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not _within(found, len(columns)):
        raise UserError(
            f"extractor {name!r}: select({pattern!r}) gave no positions in its "
            f"{len(columns):,} columns: fix its package"
        )
    return columns, found.astype(np.int64)


def extract(
    extractor: Extractor, name: str, files: Sequence[Path], options: Options
) -> list[FloatArray | Failure]:
    """As `Extractor.extract`, checked against what it promises.

    Raises:
        UserError: as `Extractor.extract`; or the extractor fails, or gives no such rows.
    """
    with calling("extractor", name):
        n_columns = len(extractor.columns)
        outcomes = list(extractor.extract(files, options))
    if len(outcomes) != len(files):
        raise UserError(
            f"extractor {name!r}: gave {len(outcomes):,} rows for {len(files):,} files: "
            "fix its package"
        )
    for file, outcome in zip(files, outcomes, strict=True):
        if not isinstance(outcome, Failure) and (wrong := _wrong(outcome, n_columns)):
            raise UserError(
                f"extractor {name!r}: {file}: gave {wrong}, not an array of {n_columns:,} "
                "numbers: fix its package"
            )
    return outcomes


def _within(positions: NDArray[np.int64], n_columns: int) -> bool:
    return bool(positions.min() >= 0 and positions.max() < n_columns)


def _wrong(row: object, n_columns: int) -> str:
    """What a row is, if it is not what it must be."""
    import numpy as np

    if not isinstance(row, np.ndarray):
        return f"a {type(row).__name__}"
    if row.shape == (n_columns,) and row.dtype.kind in "fiub":
        return ""
    return f"an array of shape {row.shape} and type {row.dtype}"
