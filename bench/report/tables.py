"""The tables of one suite on one dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.labels import QUADRANTS
from bench.report.entries import (
    ACCURACY,
    COST,
    MACRO_F1,
    METHOD,
    SEEDS,
    cost_entry,
    difference_entry,
    interval_entry,
    n_entry,
    p_entry,
    score_entry,
    seeds_entry,
)
from bench.report.table import BLANK, Column, Entry, Table
from bench.report.titles import board_title, changes_text, full_name
from bench.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.ablation import Grid
    from bench.report.entries import Score
    from bench.report.expected import Expected
    from bench.report.inference import Inference, Standing
    from bench.report.rows import Board, Row

ABOUT_CONFUSIONS = "Per cent of the clips of a true quadrant, mean over seeds."


def main_table(board: Board, expected: Expected, inference: Inference) -> Table:
    """The board: every method of the suite, with what it costs; those not run yet come last."""
    standings = inference.standings(board)
    inference.intervals(board.rows)  # faster together
    in_paper = any(row.paper for row in board.rows)
    columns = (
        METHOD,
        Column("Rank", "letters tie"),
        ACCURACY.column,
        Column("95 % interval", "%", drawn=True),
        MACRO_F1.column,
        *((Column("Paper", "%"), Column("Δ", "points")) if in_paper else ()),
        Column("Valence", "%"),
        Column("Arousal", "%"),
        Column("n", "clips"),
        SEEDS,
        COST,
    )
    rows = [
        (
            _named(row),
            _rank(standings.get(row.method)),
            score_entry(row, ACCURACY),
            _interval(row, inference),
            score_entry(row, MACRO_F1),
            *(_beside_paper(row) if in_paper else ()),
            _half(row, "valence_accuracy"),
            _half(row, "arousal_accuracy"),
            n_entry(row),
            seeds_entry(row, expected),
            cost_entry(row),
        )
        for row in board.rows
    ]
    for method, seeds in expected.missing_methods(board):
        blank = (Entry(),) * (len(columns) - 3)
        name = Entry(method, {"method": method})
        rows.append((name, *blank, Entry(f"0 of {seeds}", {"seeds": 0}), Entry()))
    return Table(board_title(board), columns, tuple(rows), sorted_by=ACCURACY.column.title)


def _named(row: Row) -> Entry:
    """The method, with its note."""
    exposure = {"exposure": row.exposure} if row.exposure else {}
    return Entry(row.method, {"method": row.method, **exposure}, note=one_line(row.note))


def _rank(standing: Standing | None) -> Entry:
    if standing is None:
        return Entry("no test", {"rank": None, "ties": None})
    return Entry(f"{standing.rank} {standing.ties}", {"rank": standing.rank, "ties": standing.ties})


def _interval(row: Row, inference: Inference) -> Entry:
    mean, _ = row.mean_std(ACCURACY.field)
    printed = row.paper.fraction(ACCURACY.field)[0] if row.paper else None
    return interval_entry(ACCURACY, ACCURACY.interval(row, inference), mean, printed)


def _beside_paper(row: Row) -> tuple[Entry, Entry]:
    """The paper's accuracy, and the difference to it."""
    paper = row.paper
    if paper is None:
        return Entry(), Entry()
    printed, std = paper.fraction(ACCURACY.field)
    data = {
        "paper_accuracy": printed,
        "paper_accuracy_std": std,
        "paper_macro_f1": paper.macro_f1,
        "paper_macro_f1_std": paper.macro_f1_std,
        "paper_unit": paper.unit,
    }
    mean, _ = row.mean_std(ACCURACY.field)
    return (
        Entry(ACCURACY.text(printed, std), data, note=paper.note),
        difference_entry(ACCURACY, mean - printed),
    )


def _half(row: Row, field: str) -> Entry:
    mean, _ = row.mean_std(field)
    return Entry(ACCURACY.text(mean), {field: mean})


def paper_table(board: Board, inference: Inference, score: Score) -> Table | None:
    """Row by row: measured, published, and whether the one's interval holds the other.

    None where the paper has none of the methods.
    """
    if not any(row.paper for row in board.rows):
        return None
    if score is ACCURACY:
        cut = [by_segment for row in board.rows if (by_segment := row.by_segment)]
        inference.intervals(cut)  # faster together
    unit = score.column.unit
    columns = (
        METHOD,
        Column("Over", numeric=False),
        Column("n"),
        score.column,
        Column("95 % interval", unit, drawn=True),
        Column("Paper", unit),
        Column("Inside?", numeric=False),
        Column("Δ", unit and "points"),
        Column("p", "runs"),
    )
    rows = tuple(
        _paper_row(scored, inference, score)
        for row in board.rows
        for scored in (row, row.by_segment)
        if scored and (scored.segments or row.paper)
    )
    title = f"{board_title(board)}: {score.column.title} beside the paper"
    return Table(title, columns, rows)


def _paper_row(row: Row, inference: Inference, score: Score) -> tuple[Entry, ...]:
    mean, _ = row.mean_std(score.field)
    paper = row.paper
    printed, std = paper.fraction(score.field) if paper else (None, None)
    interval = None  # that of macro-F1 takes long: only for what is to be compared
    if paper or score is ACCURACY:
        interval = score.interval(row, inference)
    measured = (
        Entry(row.method, {"method": row.method}),
        Entry(row.unit, {"over": row.unit}),
        n_entry(row),
        score_entry(row, score),
        interval_entry(score, interval, mean, printed),
    )
    if paper is None or printed is None:
        return (*measured, Entry(), Entry(), Entry(), Entry())
    count = f"{paper.items:,}" if paper.items else "an unknown number of"
    same = row.scored_like(paper)
    p = row.runs_p(score.field, paper)
    inside = None if interval is None else printed in interval
    return (
        *measured,
        Entry(
            score.text(printed, std),
            {"paper": printed, "paper_std": std, "paper_unit": paper.unit},
            note="" if same else f"over {count} {paper.unit}",
        ),
        Entry({None: BLANK, True: "yes", False: "no"}[inside], {"inside": inside}),
        difference_entry(score, mean - printed),
        p_entry(p, {"p_runs": p}),
    )


def ablation_table(grid: Grid, expected: Expected, title: str) -> Table:
    """One model by its auxiliary tasks, beside the paper's Table 3."""
    columns = (
        Column("Tasks beside emotion", numeric=False),
        ACCURACY.column,
        Column("Gain", "points"),
        MACRO_F1.column,
        Column("Over segments", "%"),
        Column("Paper, Table 3", "%"),
        Column("Δ", "points"),
        SEEDS,
    )
    rows = []
    for tasks in grid.task_sets:
        name = one_line(" + ".join(sorted(tasks))) or "none"
        row = grid.rows.get(tasks)
        printed, difference = _table_3(grid, tasks)
        measured = _ablated(row, grid) if row else (Entry(),) * 4
        seeds = seeds_entry(row, expected) if row else Entry()
        rows.append((Entry(name, {"tasks": name}), *measured, printed, difference, seeds))
    return Table(f"{title}: auxiliary tasks of {grid.family}", columns, tuple(rows))


def _ablated(row: Row, grid: Grid) -> tuple[Entry, ...]:
    """Accuracy, what the tasks gain, macro-F1, and accuracy over segments."""
    none = grid.rows.get(frozenset())
    gain = over_segments = Entry()
    if none is not None and row is not none and (value := row.gain_over(none)) is not None:
        gain = difference_entry(ACCURACY, value, "gain")
    if row.by_segment:
        mean, std = row.by_segment.mean_std("accuracy")
        over_segments = Entry(ACCURACY.text(mean, std), {"segment_accuracy": mean})
    return score_entry(row, ACCURACY), gain, score_entry(row, MACRO_F1), over_segments


def _table_3(grid: Grid, tasks: frozenset[str]) -> tuple[Entry, Entry]:
    """The paper's accuracy, and the difference to it, over what the paper counts if we have it."""
    paper = grid.paper.get(tasks)
    if paper is None:
        return Entry(), Entry()
    accuracy, std = paper.accuracy / 100, paper.accuracy_std / 100
    printed = Entry(
        ACCURACY.text(accuracy, std),
        {"paper_accuracy": accuracy, "paper_accuracy_std": std},
        note=paper.note,
    )
    row = grid.rows.get(tasks)
    if row is None:
        return printed, Entry()
    scored = row.by_segment if paper.unit == "segments" else None
    measured, _ = (scored or row).mean_std("accuracy")
    return printed, difference_entry(ACCURACY, measured - accuracy)


def variants_table(rows: Sequence[Row], expected: Expected, title: str) -> Table | None:
    """Methods whose settings were changed for a run."""
    columns = (
        METHOD,
        Column("Changed", numeric=False),
        ACCURACY.column,
        MACRO_F1.column,
        Column("n", "clips"),
        SEEDS,
        COST,
    )
    cells = tuple(
        (
            _named(row),
            Entry(text := changes_text(row.changes), {"changed": text}),
            score_entry(row, ACCURACY),
            score_entry(row, MACRO_F1),
            n_entry(row),
            seeds_entry(row, expected),
            cost_entry(row),
        )
        for row in rows
    )
    if not cells:
        return None
    return Table(f"{title}: variants", columns, cells, sorted_by=ACCURACY.column.title)


def settings_table(board: Board) -> Table:
    """The settings that a suite of another package gives its methods."""
    columns = (METHOD, Column("Settings", numeric=False, prose=True))
    rows = tuple(
        (
            Entry(row.method, {"method": row.method}),
            Entry(text := changes_text(row.first.method.settings) or "none", {"settings": text}),
        )
        for row in board.rows
    )
    return Table(f"{board_title(board)}: settings", columns, rows)


def confusion_table(row: Row) -> Table:
    """What a row answered to the clips of each quadrant."""
    columns = (Column("True", numeric=False), *(Column(f"→ {name}") for name in QUADRANTS))
    rows = tuple(
        (
            Entry(quadrant),
            *(
                Entry() if np.isnan(share) else Entry(f"{100 * share:.0f}", heat=float(share))
                for share in shares
            ),
        )
        for quadrant, shares in zip(QUADRANTS, row.confusion, strict=True)
    )
    return Table(full_name(row), columns, rows)
