"""The tables of one board, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.labels import QUADRANTS
from bench.report.ablation import grids
from bench.report.figures import KINDS, figure_name
from bench.report.markdown import details, escape, plus_minus, signed, table
from bench.report.published import published
from bench.report.ranking import letter_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.intervals import Interval
    from bench.records import CellIdentity
    from bench.report.ablation import Grid
    from bench.report.expected import Expected
    from bench.report.inference import Inference
    from bench.report.published import PaperResult
    from bench.report.rows import Board, Row

NOTHING = "–"
ABOUT_PAPER = """\
*Inside?* tells whether the paper's value lies in our interval. The interval allows for other songs,
but both were measured on the same ones: "yes" does not say that the two agree. *p (runs)* is from
Welch's test of our seeds against the paper's ten runs; a small one says that the choice of seeds
alone does not explain the difference."""
_HIDDEN = 0.0005  # p-values below are not written out


def render_board(
    board: Board, expected: Expected, inference: Inference, figures: Mapping[str, str]
) -> str:
    """Everything that is said about one suite on one dataset.

    Args:
        board: the rows.
        expected: what the suite asks for.
        inference: what follows from the rows.
        figures: links of the figures that there are, by file name.
    """
    everyone = (*board.rows, *board.variants)
    used = board.first.dataset
    ablations = grids(board)
    in_grid = {row for grid in ablations for row in grid.rows.values()}
    variants = [row for row in board.variants if row not in in_grid]
    parts = [
        f"### {dataset_title(board.dataset, used.version)}",
        f"Train {used.n_train:,}, valid {used.n_valid:,}, test {used.n_test:,} clips.",
        _main_table(board, expected, inference),
        _paper_table(board, inference),
        *(_ablation(grid, expected) for grid in ablations),
        _variants(variants, expected),
        details("Confusion matrices", _confusions(everyone)),
        _figures(board, figures),
    ]
    return "\n\n".join(part for part in parts if part)


def _figures(board: Board, figures: Mapping[str, str]) -> str:
    images = [
        f"{caption}.\n\n![{caption}]({figures[name]})"
        for kind, caption in KINDS.items()
        if (name := figure_name(board.suite, board.dataset, kind)) in figures
    ]
    return details("Figures", "\n\n".join(images)) if images else ""


def dataset_title(name: str, version: str = "") -> str:
    """A dataset as its authors write it, escaped."""
    return escape(f"{published().datasets.get(name, name)} {version}".strip())


def accuracy(row: Row, *, segments: bool = False) -> str:
    """Mean ± std in per cent."""
    mean, std = row.mean_std("accuracy", segments=segments)
    return plus_minus(100 * mean, None if std is None else 100 * std, 2)


def macro_f1(row: Row, *, segments: bool = False) -> str:
    """Mean ± std."""
    return plus_minus(*row.mean_std("macro_f1", segments=segments), 3)


def per_cent(interval: Interval | None) -> str:
    """An interval of fractions in per cent."""
    if interval is None:
        return NOTHING
    ends = (f"{100 * end:.1f}" for end in (interval.low, interval.high))
    return " to ".join(ends).replace("-", "−")


def p_value(p: float | None) -> str:
    """A p-value with three decimals."""
    if p is None:
        return "n = 1: no test"
    return "< 0.001" if p < _HIDDEN else f"{p:.3f}"


class _Notes:
    """Footnotes of one table, lettered in the order in which they come up."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def mark(self, note: str) -> str:
        if not note:
            return ""
        letter = self._letters.setdefault(note, letter_of(len(self._letters)))
        return f" <sup>{letter}</sup>"

    def __str__(self) -> str:
        lines = (f"<sup>{letter}</sup> {escape(note)}" for note, letter in self._letters.items())
        return "  \n".join(lines)


def _main_table(board: Board, expected: Expected, inference: Inference) -> str:
    paper = {
        row.method: result
        for row in board.rows
        if (result := published().result(row.method, board.dataset))
    }
    header = ["Method", "Rank", "Accuracy", "95 %", "Macro-F1"]
    header += ["Paper acc.", "Δ acc.", "Paper F1", "Δ F1"] if paper else []
    header += ["Valence", "Arousal", "n", "Seeds"]
    notes = _Notes()
    standings = inference.standings(board)
    rows = []
    intervals = inference.intervals(board.rows)
    for row, interval in zip(board.rows, intervals, strict=True):
        standing = standings.get(row.method)
        cells = [
            escape(row.method) + notes.mark(row.note),
            f"{standing.rank} {standing.ties}" if standing else "n = 1: no test",
            accuracy(row),
            per_cent(interval),
            macro_f1(row),
        ]
        if paper:
            cells += _beside_paper(row, paper.get(row.method), notes)
        cells += [
            plus_minus(100 * row.mean_std(field)[0], None, 2)
            for field in ("valence_accuracy", "arousal_accuracy")
        ]
        cells += [f"{row.first.scores.n:,}", expected.done(row)]
        rows.append(cells)
    for method, seeds in expected.missing_methods(board):
        blank = [NOTHING] * (len(header) - 2)
        rows.append([escape(method), *blank, f"0 of {seeds}"])
    return "\n\n".join(part for part in (table(header, rows), str(notes)) if part)


def _beside_paper(row: Row, paper: PaperResult | None, notes: _Notes) -> list[str]:
    if paper is None:
        return [NOTHING] * 4
    return [
        plus_minus(paper.accuracy, paper.accuracy_std, 2) + notes.mark(paper.note),
        signed(100 * row.mean_std("accuracy")[0] - paper.accuracy, 2),
        plus_minus(paper.macro_f1, paper.macro_f1_std, 3),
        signed(row.mean_std("macro_f1")[0] - paper.macro_f1, 3),
    ]


def _paper_table(board: Board, inference: Inference) -> str:
    """Row by row: measured, published, and whether the one's interval holds the other."""
    rows = []
    inference.intervals([row for row in board.rows if row.has_segments], segments=True)
    for row in board.rows:
        paper = published().result(row.method, board.dataset)
        for segments in (False, True):
            if segments and not row.has_segments:
                continue
            if paper is not None or segments:
                rows.append(_paper_row(row, paper, inference, segments=segments))
    if not rows:
        return ""
    header = ["Method", "Over", "n", "Accuracy", "95 %", "Paper", "Inside?", "Δ acc.", "p (runs)"]
    header += ["Macro-F1", "95 %", "Paper", "Inside?", "Δ F1", "p (runs)"]
    text = f"#### Beside the paper, by clip and by segment\n\n{table(header, rows, left=2)}"
    if any(result.unit == "segments" for result in published().table):
        text += (
            "\n\nThe paper's MIDIBERT figures count segments of 512 notes, on VGMIDI presumably; "
            "its other figures count clips. A value in (brackets) was counted over other items "
            "than the row's."
        )
    return f"{text}\n\n{ABOUT_PAPER}"


def _paper_row(
    row: Row, paper: PaperResult | None, inference: Inference, *, segments: bool
) -> list[str]:
    unit = "segments" if segments else "clips"
    sizes = sorted({scores.n for scores in row.scores(segments=segments)})
    interval = inference.interval(row, segments=segments)
    f1_interval = inference.macro_f1_interval(row, segments=segments) if paper else None
    cells = [escape(row.method), unit, " / ".join(f"{n:,}" for n in sizes)]
    cells += [accuracy(row, segments=segments), per_cent(interval)]
    f1 = [macro_f1(row, segments=segments), _fractions(f1_interval)]
    if paper is None:
        return [*cells, *[NOTHING] * 4, *f1, *[NOTHING] * 4]
    brackets = "{}" if row.scored_like(paper, segments=segments) else "({})"
    mean, mean_f1 = (row.mean_std(f, segments=segments)[0] for f in ("accuracy", "macro_f1"))
    return [
        *cells,
        brackets.format(plus_minus(paper.accuracy, paper.accuracy_std, 2)),
        _inside(paper.accuracy / 100, interval),
        signed(100 * mean - paper.accuracy, 2),
        _runs_p(row, "accuracy", paper, segments=segments),
        *f1,
        brackets.format(plus_minus(paper.macro_f1, paper.macro_f1_std, 3)),
        _inside(paper.macro_f1, f1_interval),
        signed(mean_f1 - paper.macro_f1, 3),
        _runs_p(row, "macro_f1", paper, segments=segments),
    ]


def _runs_p(row: Row, field: str, paper: PaperResult, *, segments: bool) -> str:
    p = row.runs_p(field, paper, segments=segments)
    return NOTHING if p is None else p_value(p)


def _inside(value: float, interval: Interval | None) -> str:
    if interval is None:
        return NOTHING
    return "yes" if value in interval else "no"


def _fractions(interval: Interval | None) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}" if interval else NOTHING


def _ablation(grid: Grid, expected: Expected) -> str:
    none = grid.rows.get(frozenset())
    rows = []
    for tasks in grid.task_sets:
        row = grid.rows.get(tasks)
        paper = published().ablated(grid.family, grid.dataset, tasks)
        cells = [escape(" + ".join(sorted(tasks)) or "none")]
        if row is None:
            cells += [NOTHING] * 4
        else:
            cells += [
                accuracy(row),
                _gain(row, none),
                macro_f1(row),
                accuracy(row, segments=True) if row.has_segments else NOTHING,
            ]
        cells.append(plus_minus(paper.accuracy, paper.accuracy_std, 2) if paper else NOTHING)
        difference = NOTHING
        if row is not None and paper is not None:
            segments = paper.unit == "segments" and row.has_segments
            measured = 100 * row.mean_std("accuracy", segments=segments)[0]
            difference = signed(measured - paper.accuracy, 2)
        cells += [difference, expected.done(row) if row else NOTHING]
        rows.append(cells)
    header = ["Tasks beside emotion", "Accuracy", "Gain", "Macro-F1", "Over segments"]
    header += ["Paper (Table 3)", "Δ acc.", "Seeds"]
    text = f"#### Ablation of the auxiliary tasks: {escape(grid.family)}\n\n{table(header, rows)}"
    text += "\n\nGain is over the seeds that both rows have."
    told = (published().ablated(grid.family, grid.dataset, tasks) for tasks in grid.task_sets)
    if paper := next(filter(None, told), None):
        text += f" The paper's Table 3 is {paper.note}."
    return text


def _gain(row: Row, none: Row | None) -> str:
    gain = None if none is None or row is none else row.gain_over(none)
    return NOTHING if gain is None else signed(100 * gain, 2)


def _variants(rows: Sequence[Row], expected: Expected) -> str:
    if not rows:
        return ""
    body = [
        [
            escape(row.method),
            escape(changes_text(row.changes)),
            accuracy(row),
            macro_f1(row),
            f"{row.first.scores.n:,}",
            expected.done(row),
        ]
        for row in rows
    ]
    header = ["Method", "Changed", "Accuracy", "Macro-F1", "n", "Seeds"]
    return f"#### Variants\n\n{table(header, body, left=2)}"


def changes_text(changes: dict[str, object]) -> str:
    """What differs from the suite, in a line."""
    return ", ".join(f"{key} = {_plain(value)}" for key, value in sorted(changes.items()))


def named(of: Row | CellIdentity) -> str:
    """A method and what differs from the suite, as "midibert (precision = fp32)"; not escaped."""
    return of.method + (f" ({changes_text(of.changes)})" if of.changes else "")


def _plain(value: object) -> str:
    return "[" + ", ".join(map(_plain, value)) + "]" if isinstance(value, list) else str(value)


def _confusions(rows: Iterable[Row]) -> str:
    lines = []
    for row in rows:
        name = named(row)
        for quadrant, shares in zip(QUADRANTS, row.confusion, strict=True):
            cells = (NOTHING if np.isnan(share) else f"{100 * share:.0f}" for share in shares)
            lines.append([escape(name), quadrant, *cells])
            name = ""
    header = ["Method", "True", *(f"→ {quadrant}" for quadrant in QUADRANTS)]
    return (
        "Per cent of the clips of a true quadrant, mean over seeds.\n\n"
        f"{table(header, lines, left=2)}"
    )
