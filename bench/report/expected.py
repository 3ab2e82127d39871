"""How much of what the suites ask for is there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.records import CellIdentity
    from bench.report.rows import Board, Row

_SEEDS = 10  # the paper's, where nothing says how many are expected


class Expected:
    """How many seeds each row should have.

    Args:
        cells: all that the suites ask for; none where that is unknown.
    """

    def __init__(self, cells: Iterable[CellIdentity]) -> None:
        self._seeds: dict[tuple[str, str, str, str], set[int]] = defaultdict(set)
        for cell in cells:
            self._seeds[cell.suite, cell.dataset, cell.method, cell.changes_key].add(cell.seed)
        self.suites = {suite for suite, *_ in self._seeds}

    def done(self, row: Row) -> str:
        """The seeds of a row in words: "3 of 10".

        Seeds that a known suite does not ask for, which might have been chosen, are named as such:
        "3 of 10, 2 beyond".
        """
        if row.deterministic:
            return "deterministic"
        cell = row.first.cell
        if cell.suite not in self.suites:
            return str(len(row.seeds))  # of a suite that is not known here
        place = (cell.suite, cell.dataset, cell.method)
        # A variant is to have as many as its method.
        wanted = self._seeds.get((*place, cell.changes_key)) or self._seeds.get((*place, ""))
        wanted = wanted or set(range(_SEEDS))
        beyond = len(set(row.seeds) - wanted)
        done = f"{len(row.seeds) - beyond} of {len(wanted)}"
        return f"{done}, {beyond} beyond" if beyond else done

    def missing_methods(self, board: Board) -> list[tuple[str, int]]:
        """Methods of the suite that have no record, and their number of seeds."""
        there = {row.method for row in board.rows}
        return [
            (method, len(self._seeds[suite, dataset, method, changes]))
            for suite, dataset, method, changes in sorted(self._seeds)
            if (suite, dataset) == (board.suite, board.dataset)
            and not changes
            and method not in there
        ]

    def missing_datasets(self, suite: str, boards: Iterable[Board]) -> list[str]:
        """Datasets of the suite on which nothing was run."""
        there = {board.dataset for board in boards}
        return sorted({d for s, d, *_ in self._seeds if s == suite} - there)
