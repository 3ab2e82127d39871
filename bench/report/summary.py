"""The short table of a README: one suite's methods side by side on its datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.report.expected import Expected
from bench.report.markdown import escape, plus_minus, table
from bench.report.published import published
from bench.report.rows import arrange
from bench.report.tables import NOTHING, accuracy, dataset_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records import CellIdentity, Record
    from bench.report.rows import Row

#: Around the table, in a page that has one. The second mark ends what is replaced.
BEGIN, END = "<!-- board -->", "<!-- end of board -->"


def render_summary(
    records: Sequence[Record], *, suite: str, expected: Iterable[CellIdentity] = ()
) -> str:
    """Accuracy, the paper's beside it and seeds done, for each dataset; "" without records.

    Methods come in the order of their accuracy on the first dataset.
    """
    boards = [board for board in arrange(records)[0] if board.suite == suite]
    wanted = Expected(expected)
    header = ["Method"]
    for board in boards:
        title = dataset_title(board.dataset)
        header += [f"{title}, n = {board.first.scores.n:,}", "Paper", "Seeds"]
    cells: dict[str, dict[str, Row]] = {}
    for board in boards:
        for row in board.rows:
            cells.setdefault(row.method, {})[board.dataset] = row
    lines = []
    for method, by_dataset in cells.items():
        line = [f"`{escape(method)}`"]
        for board in boards:
            there = by_dataset.get(board.dataset)
            line += [accuracy(there) if there else NOTHING, _paper(method, board.dataset)]
            line.append(wanted.done(there) if there else NOTHING)
        lines.append(line)
    return table(header, lines) if lines else ""


def with_summary(page: str, summary: str, *, name: object) -> str:
    """A page with the table between its marks replaced; it has the first of them.

    Raises:
        UserError: it has not the second; names the page.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"{name}: {BEGIN} without {END} below it")
    return f"{before}{BEGIN}\n\n{summary}\n\n{END}{after}"


def _paper(method: str, dataset: str) -> str:
    result = published().result(method, dataset)
    return plus_minus(result.accuracy, result.accuracy_std, 2) if result else NOTHING
