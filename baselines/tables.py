"""One row of named numbers per clip, made fit to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native import catalogue
from baselines.panda import COLUMNS as PANDA_COLUMNS
from baselines.panda import PANDA_EXTRA
from bench.datasets.verify import problems
from bench.derived import derive, derive_all
from bench.errors import UserError, WorkError
from bench.extractors import Failure, Options, extract, load_extractor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.clips import Clip
    from bench.extractors import Extractor
    from bench.methods import FloatArray

JSYMBOLIC_COLUMNS: tuple[str, ...] = tuple(catalogue.COLUMNS)
#: The extractor that needs no Java, and whose values are kept with other derived ones.
NATIVE = "native"
ALL_COLUMNS: tuple[str, ...] = JSYMBOLIC_COLUMNS + PANDA_COLUMNS

#: Values of a column that differ by no more than this part of the largest differ by rounding alone.
_ROUNDING = 1e-9


def jsymbolic_table(clips: Sequence[Clip], extractor: str = NATIVE) -> FloatArray:
    """The jSymbolic values of clips, shape (n_clips, 1495), in the order of `JSYMBOLIC_COLUMNS`.

    Args:
        clips: whose values.
        extractor: "native"; "jsymbolic", the program itself; or another of the same columns.

    Raises:
        UserError: there is no such extractor, or it has other columns or lacks what it needs; a
            clip's file is not what its manifest says.
        WorkError: it has no row for a clip; the message names the clip's file.
    """
    if extractor == NATIVE:
        return _stacked(derive(clips, catalogue.JSYMBOLIC), len(JSYMBOLIC_COLUMNS))
    return _extracted(clips, extractor)


def full_table(clips: Sequence[Clip], extractor: str = NATIVE) -> FloatArray:
    """jSymbolic, MIDI Toolbox and jMusic values of clips, in the order of `ALL_COLUMNS`.

    Args and errors are those of `jsymbolic_table`.
    """
    if extractor == NATIVE:
        jsymbolic, extra = derive_all(clips, [catalogue.JSYMBOLIC, PANDA_EXTRA])
        table = _stacked(jsymbolic, len(JSYMBOLIC_COLUMNS))
    else:
        table, extra = _extracted(clips, extractor), derive(clips, PANDA_EXTRA)
    return np.hstack([table, _stacked(extra, len(PANDA_COLUMNS))])


def check_extractor(name: str) -> None:
    """Check that there is such an extractor; what it needs it checks itself.

    Raises:
        UserError: there is none, or it has other columns than jSymbolic.
    """
    if name != NATIVE:
        _load(name)


def _load(name: str) -> Extractor:
    extractor = load_extractor(name)
    if tuple(extractor.columns) != JSYMBOLIC_COLUMNS:
        raise UserError(f"extractor {name!r} does not have jSymbolic's columns")
    return extractor


def _extracted(clips: Sequence[Clip], name: str) -> FloatArray:
    extractor = _load(name)
    if mistakes := problems({clip.path: clip.sha256 for clip in clips}):
        raise UserError(mistakes[0])  # an extractor knows files only, not what should be in them
    # One process: how many a machine can bear, those who run the cells decide.
    outcomes = extract(extractor, name, [clip.path for clip in clips], Options(jobs=1))
    rows: list[FloatArray] = []
    for clip, outcome in zip(clips, outcomes, strict=True):
        if isinstance(outcome, Failure):
            raise WorkError(f"{clip.path}: {outcome.reason}")
        rows.append(outcome[np.newaxis])
    return _stacked(rows, len(JSYMBOLIC_COLUMNS))


def _stacked(rows: list[FloatArray], n_columns: int) -> FloatArray:
    return np.concatenate(rows) if rows else np.empty((0, n_columns))


def varying_columns(table: FloatArray) -> NDArray[np.intp]:
    """The columns that do not have one value alone, as indices, ascending.

    A column that does not vary, as half of jSymbolic's on piano music, says nothing. Nor does one
    that varies by rounding alone: scaled, that would count as much as any other column. Values that
    are not finite numbers are not looked at.
    """
    known = np.where(np.isfinite(table), table, np.nan)
    some = np.isfinite(known).any(axis=0)
    low, high = np.nanmin(known[:, some], axis=0), np.nanmax(known[:, some], axis=0)
    rounding = _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    columns: NDArray[np.intp] = np.flatnonzero(some)[high - low > rounding]
    return columns


class Standardiser:
    """Columns to mean 0 and standard deviation 1, as measured on the clips learned from.

    A value that is not a finite number is left out of both and becomes 0, the mean.

    Attributes:
        varying: the columns that are kept, those that vary there (`varying_columns`).
    """

    def __init__(self, table: FloatArray) -> None:
        self.varying = varying_columns(table)
        kept = table[:, self.varying]
        known = np.where(np.isfinite(kept), kept, np.nan)
        self._mean, self._deviation = np.nanmean(known, axis=0), np.nanstd(known, axis=0)

    def __call__(self, table: FloatArray) -> FloatArray:
        """Standardise a table of the same columns: shape (n_clips, len(varying))."""
        scaled = (table[:, self.varying] - self._mean) / self._deviation
        return np.where(np.isfinite(scaled), scaled, 0.0)
