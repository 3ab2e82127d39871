"""Results that others have published: the paper's tables and what came later."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Literal

import msgspec

PerCent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
Unit = Literal["clips", "segments"]


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The paper whose protocol the benchmark follows."""

    title: str
    authors: str
    year: int
    url: str
    runs: int
    std_ddof: Literal[0, 1]  # of its standard deviations


class _Scored(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the paper scored."""

    unit: Unit
    items: int | None = None  # how many of them, where that is known

    def counted(self, unit: Unit, n: int) -> bool:
        """Whether n of a unit are what the paper scored, for all that is known."""
        return (self.unit, self.items) == (unit, n)


class PaperResult(_Scored, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One method on one dataset in the paper's Table 2."""

    method: str
    name: str
    dataset: str
    accuracy: PerCent
    macro_f1: Fraction
    accuracy_std: PerCent | None = None
    macro_f1_std: Fraction | None = None
    note: str = ""

    def fraction(self, field: str) -> tuple[float, float | None]:
        """Mean and standard deviation of one of `bench.scoring.Scores`, as fractions."""
        if field == "accuracy":
            return (
                self.accuracy / 100,
                None if self.accuracy_std is None else self.accuracy_std / 100,
            )
        return self.macro_f1, self.macro_f1_std


class PaperAblation(_Scored, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One row of the paper's Table 3."""

    method: str
    dataset: str
    tasks: list[str]
    accuracy: PerCent
    accuracy_std: PerCent

    @property
    def note(self) -> str:
        """What it and its difference to a measured value are over."""
        return (
            f"over {self.items} segments of 512 notes; Δ is over segments where the method has "
            "any, whatever their length"
        )


class LaterResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A result from another paper."""

    name: str
    source: str
    dataset: str
    accuracy: PerCent
    same_test: Literal["yes", "no", "unverified"]
    macro_f1: Fraction | None = None
    note: str = ""


class Published(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of `bench/published.toml`."""

    paper: Paper
    datasets: dict[str, str]  # how each dataset is written
    table: list[PaperResult]
    ablation: list[PaperAblation]
    later: list[LaterResult]

    def result(self, method: str, dataset: str) -> PaperResult | None:
        """The paper's result, if it has that method on that dataset."""
        found = (r for r in self.table if (r.method, r.dataset) == (method, dataset))
        return next(found, None)

    def gain(self, dataset: str) -> float:
        """The most that auxiliary tasks gained in the paper, in points of accuracy.

        On a dataset that the paper has not: on any.
        """
        gains = {
            (row.dataset, row.accuracy - single.accuracy)
            for row in self.table
            if (single := self.result(row.method.removeprefix("mt-"), row.dataset))
        }
        return max([gain for name, gain in gains if name == dataset] or [g for _, g in gains])

    def ablated(self, method: str, dataset: str) -> dict[frozenset[str], PaperAblation]:
        """The paper's Table 3 by set of auxiliary tasks; empty where it has none."""
        return {
            frozenset(row.tasks): row
            for row in self.ablation
            if (row.method, row.dataset) == (method, dataset)
        }


@cache
def published() -> Published:
    """The published results that come with the package."""
    data = resources.files("bench").joinpath("published.toml").read_bytes()
    return msgspec.toml.decode(data, type=Published)
