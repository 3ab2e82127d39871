"""The table that a run ends with."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from rich.table import Table

from bench.cli.console import wide_console
from bench.errors import UserError
from bench.report.markdown import plus_minus
from bench.report.wide import Wide
from bench.statistics import mean_std
from bench.store import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from bench.cells import Cell
    from bench.records import Record
    from bench.store import Store


def print_summary(store: Store, cells: Sequence[Cell]) -> list[str]:
    """Print mean ± std of accuracy and macro-F1 of the finished cells, each dataset's best first.

    Returns:
        What is wrong with records that were left out, one line each.
    """
    groups: dict[PurePath, list[Record]] = {}
    mistakes = []
    for cell in {cell.key: cell for cell in cells}.values():
        if store.is_done(cell):
            try:
                record = read_record(store.root / cell.path)
            except UserError as error:
                mistakes.append(f"left out: {error}")
            else:
                groups.setdefault(cell.path.parent, []).append(record)
    if not groups:
        return mistakes
    table = Table(box=None, header_style="bold")
    table.add_column("method", overflow="fold")  # a name cut off is none
    for title in ("accuracy %", "macro-F1", "seeds", "s per cell"):
        table.add_column(title, justify="right")
    for place, records in sorted(groups.items(), key=_best_of_each_dataset):
        table.add_row(
            place.as_posix(),
            plus_minus(*mean_std([100 * r.scores.accuracy for r in records]), 2),
            plus_minus(*mean_std([r.scores.macro_f1 for r in records]), 4),
            str(len(records)),
            f"{fmean(r.provenance.wall_seconds for r in records):.1f}",
        )
    wide_console().print(Wide(table), crop=False)
    return mistakes


def _best_of_each_dataset(group: tuple[PurePath, list[Record]]) -> tuple[PurePath, float]:
    """Sorts methods: those of one dataset stand together, the best first."""
    place, records = group
    return place.parent, -fmean(record.scores.accuracy for record in records)
