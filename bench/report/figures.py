"""The board in pictures: SVG files, the same bytes from the same records."""

from __future__ import annotations

import io
import re
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import UserError
from bench.files import write_atomically
from bench.labels import QUADRANTS
from bench.report.ablation import grids
from bench.report.history import curves
from bench.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bench.report.ablation import Grid
    from bench.report.findings import Findings
    from bench.report.inference import Inference
    from bench.report.published import PaperAblation, PaperResult
    from bench.report.rows import Board, Row

_DIAMONDS = (
    "diamonds are the paper's mean ± standard deviation, hollow where it scored other items than "
    "these clips"
)
#: Kinds of figures and what they show, in the order in which the board links them.
KINDS = {
    "accuracy": f"Accuracy with 95 % intervals; {_DIAMONDS}",
    "ablation": f"Accuracy by auxiliary tasks; {_DIAMONDS}",
    "confusion": "Confusion matrices by auxiliary tasks, per cent of the true quadrant",
    "learning": "Macro-F1 on the validation set while training; thick lines are means over seeds",
    "cost": "Accuracy against the CPU time of one run, without what was in the cache",
}
#: What a method's history calls the score that training is stopped by.
_VALIDATION = "valid_macro_f1"
_STYLE = {
    "font.size": 8,
    "font.family": "sans-serif",
    "svg.fonttype": "none",  # text stays text: smaller files, no fonts inside
    "svg.hashsalt": "smer-bench",
    "text.parse_math": False,  # names are strangers' and may hold "$"
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_MEASURED, _PAPER = "#2563a8", "#c2570c"


def figure_name(suite: str, dataset: str, kind: str) -> str:
    """The file of one figure; safe whatever suite and dataset are called."""
    return re.sub(r"[^\w.+-]+", "-", f"{suite}+{dataset}-{kind}.svg").lstrip(".-")


def write_figures(findings: Findings, folder: Path) -> list[Path]:
    """Draw every figure that there is something for.

    Args:
        findings: what the records come to.
        folder: where the files go.

    Returns:
        The files written.

    Raises:
        UserError: matplotlib is not installed, or the folder cannot be written.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        raise UserError("figures need matplotlib: pip install 'smer-bench[figures]'") from None
    written = []
    style: dict[Any, Any] = {**mpl.rcParamsDefault, **_STYLE}
    with mpl.rc_context(style):
        for board in findings.boards:
            findings.inference.intervals(board.rows)  # faster together
            drawings = _Drawings(board, findings.inference)
            for kind in KINDS:
                figure = drawings.draw(kind)
                if figure is not None:
                    path = folder / figure_name(board.suite, board.dataset, kind)
                    write_atomically(path, _svg(figure))
                    written.append(path)
    return written


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


class _Drawings:
    """The figures of one board; None where there is nothing to show."""

    def __init__(self, board: Board, inference: Inference) -> None:
        self.board = board
        self.inference = inference

    def draw(self, kind: str) -> Figure | None:
        drawing: Callable[[], Figure | None] = getattr(self, kind)
        return drawing()

    @cached_property
    def grid(self) -> Grid | None:
        """The paper's ablation if it was run, else any."""
        found = grids(self.board)
        return next((grid for grid in found if grid.paper), next(iter(found), None))

    def accuracy(self) -> Figure | None:
        if not self.board.rows:
            return None
        values = {row.method: row.paper for row in self.board.rows if row.paper}
        return self._points([(row, row.method) for row in self.board.rows], values)

    def ablation(self) -> Figure | None:
        if self.grid is None:
            return None
        grid = self.grid
        labels = {tasks: " + ".join(sorted(tasks)) or "none" for tasks in grid.task_sets}
        values = {labels[tasks]: paper for tasks, paper in grid.paper.items()}
        rows = [(grid.rows[tasks], labels[tasks]) for tasks in grid.task_sets if tasks in grid.rows]
        return self._points(rows, values)

    def _points(
        self, rows: list[tuple[Row, str]], paper: Mapping[str, PaperResult | PaperAblation]
    ) -> Figure:
        """One line a row: seeds as dots, the mean with its interval, the paper's value below it."""
        figure, axes = _figure(5.6, 0.6 + 0.32 * len(rows))
        for y, (row, label) in enumerate(rows):
            scores = [100 * s.accuracy for s in row.scores]
            axes.plot(scores, [y] * len(scores), ".", color=_MEASURED, alpha=0.3, markersize=4)
            mean = 100 * row.mean_std("accuracy")[0]
            axes.plot([mean], [y], "o", color=_MEASURED, markersize=5)
            if interval := self.inference.interval(row):
                ends = [100 * interval.low, 100 * interval.high]
                axes.plot(ends, [y, y], color=_MEASURED, linewidth=1.2)
            if label in paper:
                printed = paper[label]
                axes.errorbar(
                    printed.accuracy,
                    y + 0.25,
                    xerr=printed.accuracy_std,
                    fmt="D",
                    color=_PAPER,
                    markerfacecolor=_PAPER if row.scored_like(printed) else "white",
                    markersize=3,
                    linewidth=0.8,
                )
        axes.set_yticks(range(len(rows)), [label for _, label in rows])
        axes.invert_yaxis()
        axes.set_xlabel("Accuracy, %")
        axes.grid(axis="x", linewidth=0.3)
        return figure

    def confusion(self) -> Figure | None:
        """As the paper's Figure 3: two by two for none, key, velocity and both."""
        if self.grid is None or len(self.grid.rows) < 2:
            return None
        shown = [(t, self.grid.rows[t]) for t in self.grid.task_sets if t in self.grid.rows][:4]
        figure, _ = _figure(5.2, 2.7 * ((len(shown) + 1) // 2), (len(shown) + 1) // 2, 2)
        for place, (tasks, row) in zip(figure.axes, shown, strict=False):
            _matrix(place, row, " + ".join(sorted(tasks)) or "none")
        for place in figure.axes[len(shown) :]:
            place.remove()
        return figure

    def learning(self) -> Figure | None:
        histories = {row.method: _validation(row) for row in self.board.rows}
        known = {method: lines for method, lines in histories.items() if lines}
        if not known:
            return None
        from matplotlib.ticker import MaxNLocator

        figure, axes = _figure(5.6, 3.2)
        for i, (method, lines) in enumerate(known.items()):
            color = f"C{i % 10}"
            for line in lines:
                axes.plot(range(1, len(line) + 1), line, color=color, linewidth=0.4, alpha=0.5)
            mean = _mean_while_most_last(lines)
            epochs = range(1, len(mean) + 1)
            axes.plot(epochs, mean, color=color, linewidth=1.6, label=method)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("Epoch")
        axes.set_ylabel("Validation macro-F1")
        axes.legend(fontsize=7)
        return figure

    def cost(self) -> Figure | None:
        if len(self.board.rows) < 2:
            return None
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        figure, axes = _figure(5.6, 3.2)
        for i, row in enumerate(self.board.rows):
            seconds = float(np.mean([r.provenance.cpu_seconds for r in row.records]))
            axes.plot(
                [max(seconds, 0.01)],
                [100 * row.mean_std("accuracy")[0]],
                "os^Dv"[i // 10 % 5],
                color=f"C{i % 10}",
                markersize=4,
                label=row.method,
            )
        figure.legend(loc="outside right upper", fontsize=7)  # names beside points would overlap
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        # The usual labels are formulas, which are off: see _STYLE.
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("CPU-seconds of one run, training and test (mean over seeds)")
        axes.set_ylabel("Accuracy, %")
        axes.grid(linewidth=0.3)
        return figure


def _figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.subplots(rows, columns)
    return figure, figure.axes[0]


def _matrix(axes: Axes, row: Row, title: str) -> None:
    shares = np.nan_to_num(row.confusion)
    # Squares as paths: an image inside an SVG would be a bitmap whose bytes depend on zlib.
    axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
    for (i, j), share in np.ndenumerate(shares):
        color = "white" if share > 0.5 else "black"
        axes.text(j + 0.5, i + 0.5, f"{100 * share:.0f}", ha="center", va="center", color=color)
    ticks = [k + 0.5 for k in range(len(QUADRANTS))]
    axes.set_xticks(ticks, QUADRANTS)
    axes.set_yticks(ticks, QUADRANTS)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    axes.set_title(one_line(title), fontsize=8)


def _validation(row: Row) -> list[list[float]]:
    """Each seed's validation curve."""
    found = (curves(record.details.get("history")).get(_VALIDATION) for record in row.records)
    return [curve for curve in found if curve]


def _mean_while_most_last(lines: list[list[float]]) -> list[float]:
    """Mean over seeds for as long as at least half of them were still in training."""
    lengths = sorted((len(line) for line in lines), reverse=True)
    last = lengths[(len(lines) - 1) // 2]
    return [
        float(np.mean([line[epoch] for line in lines if epoch < len(line)]))
        for epoch in range(last)
    ]
