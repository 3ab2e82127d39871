"""Entries that several tables have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.report.markdown import plain, plus_minus, signed
from bench.report.table import BLANK, Column, Entry, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.intervals import Interval
    from bench.report.expected import Expected
    from bench.report.inference import Inference
    from bench.report.rows import Row
    from bench.report.table import Plain

_HIDDEN = 0.0005  # p-values below are not written out


@dataclass(frozen=True)
class Score:
    """A score that the paper prints too, and how it is written. Values are fractions."""

    field: str  # in `bench.scoring.Scores`
    column: Column
    scale: float  # of what people read
    decimals: int
    interval_decimals: int

    def text(self, value: float, std: float | None = None) -> str:
        """A value, with its standard deviation where there is one."""
        return plus_minus(
            self.scale * value, None if std is None else self.scale * std, self.decimals
        )

    def range(self, interval: Interval) -> str:
        """An interval of values or of their differences."""
        ends = (self.scale * end for end in (interval.low, interval.high))
        return " to ".join(plain(end, self.interval_decimals) for end in ends)

    def interval(self, row: Row, inference: Inference) -> Interval | None:
        """95 % interval of the mean over seeds."""
        if self.field == "accuracy":
            return inference.interval(row)
        return inference.macro_f1_interval(row)


ACCURACY = Score("accuracy", Column("Accuracy", "%"), 100, 2, 1)
MACRO_F1 = Score("macro_f1", Column("Macro-F1"), 1, 3, 3)

METHOD = Column("Method", numeric=False)
SEEDS = Column("Seeds", "done")
COST = Column("Cost", "CPU-s")


def score_entry(row: Row, score: Score) -> Entry:
    """Mean ± std over seeds."""
    mean, std = row.mean_std(score.field)
    return Entry(score.text(mean, std), {score.field: mean, f"{score.field}_std": std})


def interval_entry(
    score: Score, interval: Interval | None, mean: float, paper: float | None
) -> Entry:
    """An interval, drawn with the mean and the paper's value."""
    if interval is None:
        return Entry()
    return Entry(
        score.range(interval),
        {f"{score.field}_low": interval.low, f"{score.field}_high": interval.high},
        Span(interval.low, interval.high, mean, paper),
    )


def difference_entry(score: Score, value: float, name: str = "difference") -> Entry:
    """A difference of two scores, with its sign."""
    return Entry(signed(score.scale * value, score.decimals), {name: value})


def n_entry(row: Row) -> Entry:
    """How many clips or segments were scored; more than one number if seeds differ."""
    sizes = sorted({scores.n for scores in row.scores})
    return Entry(" / ".join(f"{n:,}" for n in sizes), {"n": sizes[0]})


def p_entry(p: float | None, data: Mapping[str, Plain]) -> Entry:
    """A p-value with three decimals."""
    if p is None:
        return Entry(BLANK, data)
    return Entry("< 0.001" if p < _HIDDEN else f"{p:.3f}", data)


def seeds_entry(row: Row, expected: Expected) -> Entry:
    """How many seeds there are of how many."""
    return Entry(expected.done(row), {"seeds": len(row.seeds), "deterministic": row.deterministic})


def cost_entry(row: Row) -> Entry:
    """CPU time of a run, mean over seeds."""
    data = {
        name: float(np.mean([getattr(record.provenance, name) for record in row.records]))
        for name in ("cpu_seconds", "wall_seconds")
    }
    return Entry(seconds(data["cpu_seconds"]), data)


def seconds(value: float) -> str:
    """A length of time in seconds, with as many decimals as matter."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"
