"""Answers to make a board of, and its tables as their readers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.findings import Findings
from bench.report.leaderboard import render_leaderboard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records import Record

LABELS = [0, 1, 2, 3] * 5


def with_hits(hits: int) -> list[int]:
    """Answers to LABELS of which so many are right."""
    return [q if i < hits else (q + 1) % 4 for i, q in enumerate(LABELS)]


def rendered(records: Sequence[Record], *args: Any, **about: Any) -> str:
    """The leaderboard of records, and of what else `Findings.of` takes."""
    return render_leaderboard(Findings.of(records, *args, **about))


def rows_of(text: str, heading: str) -> dict[str, list[str]]:
    """The cells of the first table below a heading, by their first column."""
    lines = text[text.index(heading) :].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| :--"))
    table = {}
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        first, *rest = (cell.strip() for cell in line.strip("| ").split(" | "))
        table[first.partition(" <sup>")[0]] = rest
    header = [cell.strip() for cell in lines[start - 1].strip("| ").split(" | ")]
    return {"": header[1:]} | table


def column(text: str, heading: str, name: str) -> dict[str, str]:
    """One column of that table, by its first; named with its unit or without."""
    table = rows_of(text, heading)
    i = next(i for i, told in enumerate(table.pop("")) if name in (told, told.partition(" (")[0]))
    return {first: cells[i] for first, cells in table.items()}
