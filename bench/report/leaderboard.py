"""`leaderboard.md`, from records and from nothing else."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from bench.labels import QUADRANTS
from bench.records import PROTOCOL
from bench.report.ablation import grids
from bench.report.markdown import details, escape, plus_minus, signed, table
from bench.report.published import published
from bench.report.rows import Board, arrange, cell_order, changes_key, suite_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records import CellIdentity, Record
    from bench.report.ablation import Grid
    from bench.report.published import PaperResult
    from bench.report.rows import LeftOut, Row
    from bench.store import Failure

_SEEDS = 10  # the paper's, where nothing says how many are expected
_NOTHING = "–"
_HEADER = """\
Written by `bench leaderboard` from {shown} records in `results/`; protocol version {protocol}.
Edits by hand are lost: add records instead."""
_READING = """\
How to read it. Accuracies are per cent, macro-F1 is a fraction; both are mean ± sample standard
deviation (ddof = 1) over seeds, as in the paper. Clips are scored, however many segments a method
cuts them into. *Paper* columns repeat what [{title}]({url})
printed, and *Δ* is measured minus printed, in points. Valence and arousal are the accuracies of the
predicted quadrant's two halves. A deterministic method runs once. Seeds that are missing are not in
the mean."""


def render_leaderboard(
    records: Sequence[Record],
    failures: Iterable[Failure] = (),
    *,
    expected: Iterable[CellIdentity] = (),
) -> str:
    """The leaderboard as Markdown; equal input gives equal text, in whatever order it comes.

    Args:
        records: finished cells, of any suites and protocols.
        failures: cells that failed and have no record.
        expected: cells that the suites ask for, so that what is missing shows.
    """
    boards, left_out = arrange(records)
    wanted = _Expected(expected)
    by_suite: dict[str, list[Board]] = defaultdict(list)
    for board in boards:
        by_suite[board.suite].append(board)
    suites = sorted(by_suite.keys() | wanted.suites, key=suite_order)
    shown = len(records) - sum(len(group.records) for group in left_out)
    parts = [
        "# Leaderboard",
        _HEADER.format(shown=shown, protocol=PROTOCOL),
        _READING.format(title=published().paper.title, url=published().paper.url),
        *(_suite(name, by_suite.get(name, []), wanted) for name in suites),
        _failures(failures),
        _later_results(),
        _left_out(left_out),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


class _Expected:
    """How many seeds each row should have."""

    def __init__(self, cells: Iterable[CellIdentity]) -> None:
        self._seeds: dict[tuple[str, str, str, str], set[int]] = defaultdict(set)
        for cell in cells:
            self._seeds[cell.suite, cell.dataset, cell.method, changes_key(cell)].add(cell.seed)
        self.suites = {suite for suite, *_ in self._seeds}

    def done(self, row: Row) -> str:
        if row.deterministic:
            return "deterministic"
        cell = row.first.cell
        seeds = self._seeds.get((cell.suite, cell.dataset, cell.method, changes_key(cell)))
        done = len(row.seeds)
        return f"{done} of {max(done, len(seeds) if seeds else _SEEDS)}"

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
        there = {board.dataset for board in boards}
        return sorted({d for s, d, *_ in self._seeds if s == suite} - there)


def _suite(name: str, boards: list[Board], expected: _Expected) -> str:
    parts = [f"## Suite {escape(name)}", *(_board(board, expected) for board in boards)]
    parts += [
        f"### {dataset_title(dataset)}\n\nNo records yet."
        for dataset in expected.missing_datasets(name, boards)
    ]
    return "\n\n".join(parts)


def dataset_title(name: str, version: str = "") -> str:
    """A dataset as its authors write it, escaped."""
    return escape(f"{published().datasets.get(name, name)} {version}".strip())


def _board(board: Board, expected: _Expected) -> str:
    everyone = (*board.rows, *board.variants)
    used = everyone[0].first.dataset
    ablations = grids(board)
    in_grid = {id(row) for grid in ablations for row in grid.rows.values()}
    variants = [row for row in board.variants if id(row) not in in_grid]
    parts = [
        f"### {dataset_title(board.dataset, used.version)}",
        f"Train {used.n_train:,}, valid {used.n_valid:,}, test {used.n_test:,} clips.",
        _main_table(board, expected),
        _segment_table(board),
        *(_ablation(grid, expected) for grid in ablations),
        _variants(variants, expected),
        details("Confusion matrices", _confusions(everyone)),
    ]
    return "\n\n".join(part for part in parts if part)


class _Notes:
    """Footnotes of one table, lettered in the order in which they come up."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, note: str) -> str:
        if not note:
            return ""
        letter = self._letters.setdefault(note, chr(ord("a") + len(self._letters)))
        return f" <sup>{letter}</sup>"

    def __str__(self) -> str:
        lines = (f"<sup>{letter}</sup> {escape(note)}" for note, letter in self._letters.items())
        return "  \n".join(lines)


def _main_table(board: Board, expected: _Expected) -> str:
    paper = {
        row.method: result
        for row in board.rows
        if (result := published().result(row.method, board.dataset))
    }
    header = ["Method", "Accuracy", "Macro-F1", "Valence", "Arousal", "n", "Seeds"]
    if paper:
        header[3:3] = ["Paper acc.", "Δ acc.", "Paper F1", "Δ F1"]
    notes = _Notes()
    rows = []
    for row in board.rows:
        cells = [escape(row.method) + notes.mark(row.note), _accuracy(row), _f1(row)]
        if paper:
            cells += _beside_paper(row, paper.get(row.method), notes)
        cells += [
            plus_minus(100 * row.mean_std(field)[0], None, 2)
            for field in ("valence_accuracy", "arousal_accuracy")
        ]
        cells += [f"{row.first.scores.n:,}", expected.done(row)]
        rows.append(cells)
    for method, seeds in expected.missing_methods(board):
        blank = [_NOTHING] * (len(header) - 2)
        rows.append([escape(method), *blank, f"0 of {seeds}"])
    return "\n\n".join(part for part in (table(header, rows), str(notes)) if part)


def _accuracy(row: Row, *, segments: bool = False) -> str:
    mean, std = row.mean_std("accuracy", segments=segments)
    return plus_minus(100 * mean, None if std is None else 100 * std, 2)


def _f1(row: Row, *, segments: bool = False) -> str:
    return plus_minus(*row.mean_std("macro_f1", segments=segments), 3)


def _beside_paper(row: Row, paper: PaperResult | None, notes: _Notes) -> list[str]:
    if paper is None:
        return [_NOTHING] * 4
    return [
        plus_minus(paper.accuracy, paper.accuracy_std, 2) + notes.mark(paper.note),
        signed(100 * row.mean_std("accuracy")[0] - paper.accuracy, 2),
        plus_minus(paper.macro_f1, paper.macro_f1_std, 3),
        signed(row.mean_std("macro_f1")[0] - paper.macro_f1, 3),
    ]


def _segment_table(board: Board) -> str:
    """Methods that cut clips, scored over the pieces: what the paper did for MIDIBERT."""
    rows = []
    for row in (row for row in board.rows if row.has_segments):
        paper = published().result(row.method, board.dataset)
        counted = [_NOTHING, _NOTHING]
        if paper is not None and paper.unit == "segments":
            accuracy = 100 * row.mean_std("accuracy", segments=True)[0]
            counted = [
                plus_minus(paper.accuracy, paper.accuracy_std, 2),
                signed(accuracy - paper.accuracy, 2),
            ]
        n = sorted({scores.n for scores in row.scores(segments=True)})
        rows.append(
            [
                escape(row.method),
                _accuracy(row, segments=True),
                _f1(row, segments=True),
                _accuracy(row),
                *counted,
                " / ".join(f"{count:,}" for count in n),
            ]
        )
    if not rows:
        return ""
    header = ["Method", "Accuracy", "Macro-F1", "Over clips", "Paper acc.", "Δ acc.", "Segments"]
    return f"#### Over segments\n\n{table(header, rows)}"


def _ablation(grid: Grid, expected: _Expected) -> str:
    none = grid.rows.get(frozenset())
    rows = []
    for tasks in grid.task_sets:
        row = grid.rows.get(tasks)
        paper = published().ablated(grid.family, grid.dataset, tasks)
        cells = [escape(" + ".join(sorted(tasks)) or "none")]
        if row is None:
            cells += [_NOTHING] * 4
        else:
            gain = (
                100 * (row.mean_std("accuracy")[0] - none.mean_std("accuracy")[0]) if none else None
            )
            cells += [
                _accuracy(row),
                _NOTHING if gain is None or row is none else signed(gain, 2),
                _f1(row),
                _accuracy(row, segments=True) if row.has_segments else _NOTHING,
            ]
        cells.append(plus_minus(paper.accuracy, paper.accuracy_std, 2) if paper else _NOTHING)
        difference = _NOTHING
        if row is not None and paper is not None:
            segments = paper.unit == "segments" and row.has_segments
            measured = 100 * row.mean_std("accuracy", segments=segments)[0]
            difference = signed(measured - paper.accuracy, 2)
        cells += [difference, expected.done(row) if row else _NOTHING]
        rows.append(cells)
    header = ["Tasks beside emotion", "Accuracy", "Gain", "Macro-F1", "Over segments"]
    header += ["Paper (Table 3)", "Δ acc.", "Seeds"]
    text = f"#### Ablation of the auxiliary tasks: {escape(grid.family)}\n\n{table(header, rows)}"
    if any(published().ablated(grid.family, grid.dataset, tasks) for tasks in grid.task_sets):
        text += "\n\nThe paper's Table 3 counts segments; so does its Δ, where there are any."
    return text


def _gain(row: Row, none: Row | None) -> str:
    if none is None or row is none:
        return _NOTHING
    return signed(100 * (row.mean_std("accuracy")[0] - none.mean_std("accuracy")[0]), 2)


def _variants(rows: Sequence[Row], expected: _Expected) -> str:
    if not rows:
        return ""
    body = [
        [
            escape(row.method),
            escape(
                ", ".join(f"{key} = {_plain(value)}" for key, value in sorted(row.changes.items()))
            ),
            _accuracy(row),
            _f1(row),
            f"{row.first.scores.n:,}",
            expected.done(row),
        ]
        for row in rows
    ]
    header = ["Method", "Changed", "Accuracy", "Macro-F1", "n", "Seeds"]
    return f"#### Variants\n\n{table(header, body, left=2)}"


def _plain(value: object) -> str:
    return "[" + ", ".join(map(_plain, value)) + "]" if isinstance(value, list) else str(value)


def _confusions(rows: Iterable[Row]) -> str:
    lines = []
    for row in rows:
        changed = f" ({', '.join(sorted(row.changes))} changed)" if row.changes else ""
        for quadrant, shares in zip(QUADRANTS, row.confusion, strict=True):
            name = escape(row.method + changed) if quadrant == QUADRANTS[0] else ""
            cells = (_NOTHING if np.isnan(share) else f"{100 * share:.0f}" for share in shares)
            lines.append([name, quadrant, *cells])
    header = ["Method", "True", *(f"→ {quadrant}" for quadrant in QUADRANTS)]
    return (
        "Per cent of the clips of a true quadrant, mean over seeds.\n\n"
        f"{table(header, lines, left=2)}"
    )


def _failures(failures: Iterable[Failure]) -> str:
    rows = [
        [escape(_cell_name(failure.cell)), escape(failure.reason)]
        for failure in sorted(failures, key=lambda f: cell_order(f.cell))
    ]
    return f"## Failed cells\n\n{table(['Cell', 'Reason'], rows, left=2)}" if rows else ""


def _cell_name(cell: CellIdentity) -> str:
    changes = ",".join(f"{key}={_plain(value)}" for key, value in sorted(cell.changes.items()))
    method = f"{cell.method}+{changes}" if changes else cell.method
    return f"{cell.suite}/{cell.dataset}/{method}/seed-{cell.seed}"


def _later_results() -> str:
    rows = [
        [
            escape(result.name),
            dataset_title(result.dataset),
            escape(result.source),
            escape(f"{result.same_test}: {result.note}" if result.note else result.same_test),
            plus_minus(result.accuracy, None, 1),
            _NOTHING if result.macro_f1 is None else plus_minus(result.macro_f1, None, 3),
        ]
        for result in sorted(published().later, key=lambda r: (r.dataset, -r.accuracy))
    ]
    header = ["Method", "Dataset", "Source", "Same test clips?", "Accuracy", "Macro-F1"]
    return (
        "## Published elsewhere\n\n"
        "As printed by others; nothing in this table was measured here.\n\n"
        f"{table(header, rows, left=4)}"
    )


def _left_out(groups: Iterable[LeftOut]) -> str:
    lines = []
    for group in sorted(groups, key=lambda g: (g.reason, cell_order(g.records[0].cell))):
        for name, cells in groupby(
            (record.cell for record in group.records),
            key=lambda cell: _cell_name(cell).rpartition("/")[0],
        ):
            seeds = ", ".join(str(cell.seed) for cell in cells)
            lines.append(f"- {escape(name)}, seeds {seeds}: {escape(group.reason)}")
    return "## Left out\n\n" + "\n".join(sorted(lines)) if lines else ""
