"""What other records would make of the board, in Markdown: for those who review a change."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bench.report.entries import ACCURACY, MACRO_F1, METHOD, difference_entry, score_entry
from bench.report.inference import Inference
from bench.report.markdown import escape, render_table
from bench.report.rows import arrange, suite_order
from bench.report.table import BLANK, Column, Entry, Table
from bench.report.titles import dataset_name, full_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from bench.records import Record
    from bench.report.entries import Score
    from bench.report.inference import Songs, Standing
    from bench.report.rows import Board, LeftOut, Row
    from bench.store import Failure

    #: Method and changes.
    Name = tuple[str, str]

_COLUMNS = (
    METHOD,
    Column("Before", "%"),
    Column("After", "%"),
    Column("Δ", "points"),
    Column("95 % interval", "%"),
    Column("F1 before"),
    Column("F1 after"),
    Column("Δ F1"),
    Column("Seeds"),
)
_ABOUT = """\
Accuracies are per cent, macro-F1 is a fraction, both mean ± sample standard deviation over seeds;
the 95 % intervals, of the accuracy after, draw songs, clips and seeds anew."""


def render_difference(
    before: Sequence[Record],
    after: Sequence[Record],
    failures: Iterable[Failure] = (),
    *,
    songs: Songs | None = None,
    current: Container[str] = (),
) -> str:
    """The difference between two boards; rows that stay as they are do not appear.

    Args:
        before: records of any suites and protocols.
        after: those that take their place.
        failures: cells that have failed and were not known to, before.
        songs: dataset -> clip -> song; a clip without one counts as a song of its own.
        current: keys of the cells that the suites ask for now.
    """
    old, old_left_out = arrange(before, current)
    new, left_out = arrange(after, current)
    inference = Inference(songs or {})
    old_boards = {(board.suite, board.dataset): board for board in old}
    new_boards = {(board.suite, board.dataset): board for board in new}
    places = sorted(
        old_boards.keys() | new_boards.keys(), key=lambda place: (suite_order(place[0]), place[1])
    )
    boards = [
        _board(place, old_boards.get(place), new_boards.get(place), inference) for place in places
    ]
    changed = [text for text in boards if text]
    parts = [
        "## What this does to the board",
        _records(before, after),
        *([_ABOUT, *changed] if changed else ["No row of the board changes."]),
        _left_out(old_left_out, left_out),
        _failures(failures),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _records(before: Sequence[Record], after: Sequence[Record]) -> str:
    old = {record.cell.path: record for record in before}
    new = {record.cell.path: record for record in after}
    changed = sum(old[path] != new[path] for path in old.keys() & new.keys())
    added, gone = len(new.keys() - old.keys()), len(old.keys() - new.keys())
    return f"Records: {added:,} new, {changed:,} changed, {gone:,} gone; {len(new):,} in all."


def _board(
    place: tuple[str, str], before: Board | None, after: Board | None, inference: Inference
) -> str:
    old, new = _rows(before), _rows(after)
    names = [*new, *(name for name in old if name not in new)]
    lines = tuple(
        _line(old.get(name), new.get(name), inference)
        for name in names
        if _answers(old.get(name)) != _answers(new.get(name))
    )
    if not lines:
        return ""
    suite, dataset = place
    parts = [
        f"### Suite {escape(suite)}, {escape(dataset_name(dataset))}",
        render_table(Table(suite, _COLUMNS, lines)),
        _moved(_standings(before, inference), _standings(after, inference)),
    ]
    return "\n\n".join(part for part in parts if part)


def _rows(board: Board | None) -> dict[Name, Row]:
    rows = (*board.rows, *board.variants) if board else ()
    return {(row.method, row.first.cell.changes_key): row for row in rows}


def _answers(row: Row | None) -> object:
    """What a row's figures follow from."""
    return [(r.cell.seed, r.key, r.table) for r in row.records] if row else None


def _line(old: Row | None, new: Row | None, inference: Inference) -> tuple[Entry, ...]:
    shown = new or old
    assert shown is not None  # noqa: S101 - one of the boards has it
    interval = inference.interval(new) if new else None
    return (
        Entry(full_name(shown)),
        *_scores(ACCURACY, old, new),
        Entry(ACCURACY.range(interval)) if interval else Entry(),
        *_scores(MACRO_F1, old, new),
        Entry(f"{len(old.records) if old else 0} → {len(new.records) if new else 0}"),
    )


def _scores(score: Score, old: Row | None, new: Row | None) -> tuple[Entry, ...]:
    """Before, after, and what is gained."""
    gain = Entry()
    if old and new:
        gain = difference_entry(score, new.mean_std(score.field)[0] - old.mean_std(score.field)[0])
    return (*(score_entry(row, score) if row else Entry() for row in (old, new)), gain)


def _standings(board: Board | None, inference: Inference) -> Mapping[str, Standing]:
    return inference.standings(board) if board else {}


def _moved(before: Mapping[str, Standing], after: Mapping[str, Standing]) -> str:
    moves = [
        f"{escape(method)} {old} → {new}"
        for method in sorted(before.keys() | after.keys())
        if (old := _rank(before.get(method))) != (new := _rank(after.get(method)))
    ]
    return f"Ranks that change: {'; '.join(moves)}." if moves else ""


def _rank(standing: Standing | None) -> str:
    return str(standing.rank) if standing else BLANK


def _left_out(before: Iterable[LeftOut], after: Iterable[LeftOut]) -> str:
    old, new = (
        Counter(group.reason for group in groups for _ in group.records)
        for groups in (before, after)
    )
    lines = [f"- {escape(reason)}: {n:,} more" for reason, n in sorted((new - old).items())]
    return "### Left out of the board\n\n" + "\n".join(lines) if lines else ""


def _failures(failures: Iterable[Failure]) -> str:
    cells = {str(failure.cell.path.with_suffix("")): failure.reason for failure in failures}
    rows = tuple((Entry(cell), Entry(reason)) for cell, reason in sorted(cells.items()))
    columns = (Column("Cell", numeric=False), Column("Reason", numeric=False))
    title = "Cells that failed"
    return f"### {title}\n\n{render_table(Table(title, columns, rows))}" if rows else ""
