"""One cell, or one method's seeds, in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.labels import QUADRANTS
from bench.report.history import curves
from bench.report.markdown import plus_minus
from bench.report.rows import normalised
from bench.report.titles import full_name
from bench.report.wide import Wide
from bench.shown import one_line
from bench.starts import START

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from rich.console import RenderableType

    from bench.records import CellIdentity, Record
    from bench.report.rows import Row
    from bench.scoring import Scores
    from bench.store import Failure

_BARS = "▁▂▃▄▅▆▇█"
_WIDEST = 60  # of a sparkline, in characters
#: Fields of `bench.scoring.Scores`, as they are headed.
SCORES = {
    "accuracy": "accuracy %",
    "macro_f1": "macro-F1",
    "valence_accuracy": "valence %",
    "arousal_accuracy": "arousal %",
}


def show_record(record: Record) -> RenderableType:
    """Everything a record holds but its predictions."""
    scored = {"clips": record.scores}
    if record.segment_scores is not None:
        scored["segments"] = record.segment_scores
    history = curves(record.details.get("history"))
    details = {k: v for k, v in record.details.items() if k != "history"}
    if isinstance(start := details.get(START), dict):
        details[START] = _start(start)
    used, origin = record.dataset, record.provenance
    parts: list[RenderableType] = [_title(record.cell), _scores_table(scored), ""]
    parts.append(confusion_table([record.scores]))
    if history:
        parts += [_heading("History"), _history(history)]
    facts = {
        "key": record.key,
        "protocol": record.protocol,
        "dataset": f"{used.name} {used.version}, manifest {used.digest[:12]}: "
        f"{used.n_train} train, {used.n_valid} valid, {used.n_test} test clips",
        "method": f"{record.method.name}, version {record.method.version}"
        + (f", reads {record.method.encoding}" if record.method.encoding else ""),
    }
    revision = origin.revision[:12] + (" with uncommitted changes" if origin.dirty else "")
    ran = {
        "finished": origin.finished,
        "package": f"smer-bench {origin.package}" + (f" at {revision}" if revision else ""),
        "on": f"{origin.device}, {origin.platform}, Python {origin.python}",
        "libraries": ", ".join(f"{name} {v}" for name, v in origin.libraries.items()),
        "cost": f"{origin.wall_seconds:.1f} s, {origin.cpu_seconds:.1f} CPU-seconds, "
        f"{origin.peak_memory_mb:.0f} MB at most",
    }
    for heading, table in (
        ("Cell", facts),
        ("Settings", record.method.settings),
        ("Reported by the method", details),
        ("Provenance", ran),
    ):
        if table:
            parts += [_heading(heading), _facts(table)]
    return Group(*parts)


def _start(card: Mapping[str, Any]) -> str:
    """Which checkpoint it was; all that its card tells fills screens."""
    sha256 = f"sha256 {str(card.get('sha256'))[:12]}"
    return f"{card.get('checkpoint')}, {sha256}, {card.get('exposure')}"


def show_row(row: Row) -> RenderableType:
    """All seeds of a method on one dataset."""
    table = Table(box=box.SIMPLE, header_style="bold")
    for title in ("seed", *SCORES.values(), "seconds"):
        table.add_column(title, justify="right")
    for record in row.records:
        cells = score_cells(record.scores)
        table.add_row(str(record.cell.seed), *cells, f"{record.provenance.wall_seconds:.1f}")
    if len(row.records) > 1:
        means = [figure(field, *row.mean_std(field)) for field in SCORES]
        table.add_section()
        table.add_row("mean ± std", *means, "")
    return Group(_title(row.first.cell, seed=False), Wide(table), confusion_table(row.scores))


def show_failure(failure: Failure) -> RenderableType:
    """Why a cell has no record."""
    log = "\n".join(_indented(line) for line in failure.log.splitlines())
    return Group(
        _title(failure.cell),
        Text.assemble(("failed: ", "bold red"), one_line(failure.reason)),
        *([_heading("Log"), Text(log)] if log else []),
    )


def _indented(line: str) -> str:
    text = line.lstrip(" ")
    return " " * (len(line) - len(text)) + one_line(text)


def sparkline(values: Iterable[float]) -> str:
    """Numbers as a line of small bars, at most 60 wide; numbers that are none leave a gap."""
    numbers = list(values)
    step = -(-len(numbers) // _WIDEST) or 1
    shown = numbers[::step]
    finite = [v for v in shown if abs(v) < float("inf")]
    if not finite:
        return " " * len(shown)
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    return "".join(
        _BARS[round((v - low) / span * (len(_BARS) - 1))] if abs(v) < float("inf") else " "
        for v in shown
    )


def _title(cell: CellIdentity, *, seed: bool = True) -> Text:
    name = f"{full_name(cell)} on {cell.dataset}, suite {cell.suite}"
    return Text(name + (f", seed {cell.seed}" if seed else ""), style="bold")


def _heading(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def score_cells(scores: Scores) -> list[str]:
    """Each of `SCORES`, written."""
    return [figure(field, getattr(scores, field)) for field in SCORES]


def figure(field: str, mean: float, std: float | None = None) -> str:
    """One of `SCORES`, with its standard deviation where there is one."""
    scale, decimals = (1, 4) if field == "macro_f1" else (100, 2)
    return plus_minus(scale * mean, None if std is None else scale * std, decimals)


def _scores_table(scored: Mapping[str, Scores]) -> Wide:
    table = Table(box=box.SIMPLE, header_style="bold")
    table.add_column("over")
    for title in (*SCORES.values(), "n"):
        table.add_column(title, justify="right")
    for level, scores in scored.items():
        table.add_row(level, *score_cells(scores), str(scores.n))
    return Wide(table)


def confusion_table(scores: Iterable[Scores]) -> Wide:
    """Clips by true and predicted quadrant, mean over seeds, and the shares of each row."""
    counts = np.mean([s.confusion for s in scores], axis=0)
    shares: NDArray[np.float64] = normalised(counts)
    table = Table(box=box.SIMPLE, header_style="bold", title="Confusion", title_justify="left")
    table.add_column("true")
    for quadrant in QUADRANTS:
        table.add_column(f"→ {quadrant}", justify="right")
    for quadrant, row, row_counts in zip(QUADRANTS, shares, counts, strict=True):
        table.add_row(quadrant, *(_share(s, n) for s, n in zip(row, row_counts, strict=True)))
    return Wide(table)


def _share(share: float, count: float) -> Text:
    if share != share:  # no clip of that quadrant
        return Text("–")
    style = "bold" if share >= 0.5 else "" if share >= 0.1 else "dim"
    return Text(f"{round(count, 1):g} ({100 * share:.0f} %)", style=style)


def _history(history: Mapping[str, list[float]]) -> Wide:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, values in history.items():
        known = [v for v in values if v == v]
        table.add_row(
            one_line(name), sparkline(values), f"{known[0]:.4g} → {known[-1]:.4g}", style=""
        )
    return Wide(table)


def _facts(facts: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(Text(one_line(name)), Text(one_line(str(value))))
    return table
