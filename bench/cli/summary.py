"""The table that a run ends with."""

from __future__ import annotations

from statistics import mean, stdev
from typing import TYPE_CHECKING

from rich.table import Table

from bench.cli.console import wide_console
from bench.errors import UserError
from bench.store import read_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cells import Cell
    from bench.records import Record
    from bench.store import Store


def print_summary(store: Store, cells: Sequence[Cell]) -> list[str]:
    """Print mean ± std of accuracy and macro-F1 of the finished cells, best first.

    Returns:
        What is wrong with records that were left out, one line each.
    """
    groups: dict[str, list[Record]] = {}
    mistakes = []
    for cell in {cell.key: cell for cell in cells}.values():
        if store.is_done(cell):
            try:
                record = read_record(store.root / cell.path)
            except UserError as error:
                mistakes.append(f"left out: {error}")
            else:
                groups.setdefault(str(cell.path.parent), []).append(record)
    if not groups:
        return mistakes
    table = Table(box=None, header_style="bold")
    table.add_column("method", overflow="fold")  # a name cut off is none
    for title in ("accuracy %", "macro-F1", "seeds", "s per cell"):
        table.add_column(title, justify="right")
    best = sorted(groups.items(), key=lambda item: -mean(r.scores.accuracy for r in item[1]))
    for name, records in best:
        table.add_row(
            name,
            _spread([100 * r.scores.accuracy for r in records], 2),
            _spread([r.scores.macro_f1 for r in records], 4),
            str(len(records)),
            f"{mean(r.provenance.wall_seconds for r in records):.1f}",
        )
    wide_console().print(table)
    return mistakes


def _spread(values: list[float], digits: int) -> str:
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}"
