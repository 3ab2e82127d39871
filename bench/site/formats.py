"""A table as a CSV file, a JSON file and a LaTeX document."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.table import Entry, Plain, Table

_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "Δ": r"$\Delta$",
    "→": r"$\rightarrow$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}
#: What a spreadsheet may take for a formula when a text begins with it.
_FORMULA = re.compile(r"[=+\-@\t\r]")


def to_csv(table: Table) -> bytes:
    """The table's data, a header first; empty where there is nothing."""
    buffer = io.StringIO()
    rows = table.data
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows[0] if rows else [])
    writer.writerows([_csv_value(value) for value in row.values()] for row in rows)
    return buffer.getvalue().encode()


def to_json(table: Table, facts: Mapping[str, Plain]) -> bytes:
    """The table's data, and facts about all of it beside them."""
    content = {"title": table.title, **facts, "rows": table.data}
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def to_latex(table: Table) -> bytes:
    """The table as people read it, for the package booktabs."""

    def mark(note: str) -> str:
        return f"\\textsuperscript{{{table.mark(note)}}}"

    def written(entry: Entry) -> str:
        return latex(entry.text) + (mark(entry.note) if entry.note else "")

    header = [latex(column.heading) for column in table.columns]
    sides = "".join("r" if c.numeric and not c.drawn else "l" for c in table.columns)
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{latex(table.title)}}}",
        f"  \\begin{{tabular}}{{{sides}}}",
        "    \\toprule",
        f"    {' & '.join(header)} \\\\",
        "    \\midrule",
        *(f"    {' & '.join(written(entry) for entry in row)} \\\\" for row in table.rows),
        "    \\bottomrule",
        "  \\end{tabular}",
        *(f"  \\par\\footnotesize {mark(note)} {latex(note)}" for note in table.notes),
        "\\end{table}",
    ]
    return ("\n".join(lines) + "\n").encode()


def latex(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_LATEX.get(c, c) for c in text)


def _csv_value(value: Plain) -> Plain:
    """A stranger's text that a spreadsheet would compute gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
