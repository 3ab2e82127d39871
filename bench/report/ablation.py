"""Which auxiliary tasks help: one model with every subset of them, as in the paper's Table 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.published import published
from bench.report.rows import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.rows import Board, Row


@dataclass(frozen=True)
class Grid:
    """One model on one dataset, by its set of auxiliary tasks."""

    family: str  # the method without tasks
    dataset: str
    rows: Mapping[frozenset[str], Row]
    task_sets: tuple[frozenset[str], ...]  # of `rows` and of the paper, fewest tasks first


def grids(board: Board) -> list[Grid]:
    """The ablations of a board: of each model that was run with three sets of tasks or more.

    A method without and with all tasks is in the main table already.
    """
    plain = [row for row in (*board.rows, *board.variants) if set(row.changes) <= {TASKS}]
    bases = {row.method: row for row in plain if not row.tasks}
    found = []
    for family, base in sorted(bases.items()):
        rows = {base.tasks: base}
        for row in plain:  # the suite's own methods come first and stay
            if row.is_multi_task_of(base):
                rows.setdefault(row.tasks, row)
        in_paper = {
            frozenset(r.tasks)
            for r in published().ablation
            if (r.method, r.dataset) == (family, board.dataset)
        }
        if len(rows) >= 3 or (in_paper and len(rows) > 1):
            sets = sorted(rows.keys() | in_paper, key=lambda tasks: (len(tasks), sorted(tasks)))
            found.append(Grid(family, board.dataset, rows, tuple(sets)))
    return found
