"""The little Markdown that the leaderboard needs."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from bench.shown import one_line

if TYPE_CHECKING:
    from bench.report.table import Entry, Table

#: What has a meaning in Markdown inside a line. "://" and "www." would become links, what stands
#: between two "$" a formula.
_SPECIAL = re.compile(r"([\\`*_\[\]|~$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)


def escape(text: str) -> str:
    """Text from a record as one line that is neither Markdown nor HTML.

    Names and reasons come from strangers' methods and are shown on public pages.
    """
    return _SPECIAL.sub(r"\\\1", html.escape(one_line(text), quote=False))


def render_table(table: Table) -> str:
    """A table as people read it, without its title; its notes stand below."""

    def mark(note: str) -> str:
        return f"<sup>{table.mark(note)}</sup>"

    def written(entry: Entry) -> str:
        return escape(entry.text) + (f" {mark(entry.note)}" if entry.note else "")

    lines = [
        [escape(column.heading) for column in table.columns],
        ["--:" if column.numeric else ":--" for column in table.columns],
        *([written(entry) for entry in row] for row in table.rows),
    ]
    notes = "  \n".join(f"{mark(note)} {escape(note)}" for note in table.notes)
    rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"{rows}\n\n{notes}" if notes else rows


def details(summary: str, body: str) -> str:
    """A part that is folded away until it is clicked."""
    return f"<details>\n<summary>{html.escape(summary)}</summary>\n\n{body}\n\n</details>"


def plain(value: float, decimals: int) -> str:
    """A number; what rounds to 0 has no sign."""
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float, decimals: int) -> str:
    """A difference, with its sign."""
    text = plain(value, decimals)
    return f"+{text}" if value > 0 and float(text) else text


def plus_minus(mean: float, std: float | None, decimals: int) -> str:
    """Mean and, where there is one, standard deviation."""
    text = f"{mean:.{decimals}f}"
    return text if std is None else f"{text} ± {std:.{decimals}f}"
