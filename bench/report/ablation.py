"""Which auxiliary tasks help: one model with every subset of them, as in the paper's Table 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.methods import TASKS
from bench.report.published import published
from bench.report.rows import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.published import PaperAblation
    from bench.report.rows import Board, Row


@dataclass(frozen=True)
class Grid:
    """One model on one dataset, by its set of auxiliary tasks."""

    family: str  # the method without tasks
    rows: Mapping[frozenset[str], Row]
    paper: Mapping[frozenset[str], PaperAblation]  # its Table 3; none of a stranger's suite

    @property
    def task_sets(self) -> list[frozenset[str]]:
        """Those of `rows` and of the paper, fewest tasks first."""
        sets = self.rows.keys() | self.paper.keys()
        return sorted(sets, key=lambda tasks: (len(tasks), sorted(tasks)))


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
        paper = published().ablated(family, board.dataset) if board.suite in SHIPPED else {}
        if len(rows) >= 3 or (paper and len(rows) > 1):
            found.append(Grid(family, rows, paper))
    return found
