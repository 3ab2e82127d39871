"""The short table of a README: one suite's methods side by side on its datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.report.entries import ACCURACY, METHOD, score_entry, seeds_entry
from bench.report.markdown import render_table
from bench.report.published import published
from bench.report.table import Column, Entry, Table
from bench.report.titles import dataset_name

if TYPE_CHECKING:
    from bench.report.findings import Findings
    from bench.report.rows import Row

#: Around the table, in a page that has one. The second mark ends what is replaced.
BEGIN, END = "<!-- board -->", "<!-- end of board -->"


def render_summary(findings: Findings, *, suite: str) -> str:
    """Accuracy, the paper's beside it and seeds done, for each dataset; "" without records.

    Methods come in the order of their accuracy on the first dataset.
    """
    boards = findings.by_suite().get(suite, [])
    by_method: dict[str, dict[str, Row]] = {}
    columns = [METHOD]
    for board in boards:
        title = f"{dataset_name(board.dataset)}, n = {board.first.scores.n:,}"
        columns += [Column(title), Column("Paper"), Column("Seeds")]
        for row in board.rows:
            by_method.setdefault(row.method, {})[board.dataset] = row
    if not by_method:
        return ""
    rows = []
    for method, by_dataset in by_method.items():
        line = [Entry(method)]
        for board in boards:
            there = by_dataset.get(board.dataset)
            line += [
                score_entry(there, ACCURACY) if there else Entry(),
                _paper(method, board.dataset),
                seeds_entry(there, findings.expected) if there else Entry(),
            ]
        rows.append(tuple(line))
    return render_table(Table(suite, tuple(columns), tuple(rows)))


def with_summary(page: str, summary: str, *, name: object) -> str:
    """A page, which has the first mark, with the table between its marks replaced.

    Raises:
        UserError: it lacks the second; names the page.
    """
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise UserError(f"{name}: {BEGIN} without {END} below it")
    return f"{before}{BEGIN}\n\n{summary}\n\n{END}{after}"


def _paper(method: str, dataset: str) -> Entry:
    paper = published().result(method, dataset)
    return Entry(ACCURACY.text(*paper.fraction(ACCURACY.field))) if paper else Entry()
