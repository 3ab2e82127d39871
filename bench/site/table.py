"""A table that a page, a CSV file, a JSON file and a LaTeX document show alike."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import msgspec

from bench.report.ranking import letter_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    Plain = str | int | float | bool | None

NOTHING = "–"

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


@dataclass(frozen=True)
class Column:
    """What stands in a column."""

    title: str
    unit: str = ""
    numeric: bool = True
    drawn: bool = False  # its numbers stand behind small pictures, so it is aligned left
    prose: bool = False  # whether its texts may be long


@dataclass(frozen=True)
class Span:
    """A fraction with its interval, and what was published, to be drawn as a line from 0 to 1."""

    low: float
    high: float
    mean: float
    paper: float | None = None


@dataclass(frozen=True)
class Cell:
    """One cell: what people read, and the numbers behind it.

    `data` is what CSV and JSON hold, by name; accuracies are fractions there, as in the records.
    """

    text: str = NOTHING
    data: Mapping[str, Plain] = field(default_factory=dict)
    span: Span | None = None
    note: str = ""  # what has to be said about it, below the table
    heat: float | None = None  # a share, 0..1, shown as a shade

    @property
    def key(self) -> str:
        """What the cell is sorted by: the first of its data, or its text; "" where it has none."""
        value = next(iter(self.data.values()), None)
        if value is None:
            return "" if self.text == NOTHING else self.text
        return f"{value:.9g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Table:
    """Rows of cells below their columns. The first column names the row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sorted_by: str = ""  # title of a column
    descending: bool = True
    deviation: ClassVar[str] = " ± "  # between a mean and its standard deviation

    @property
    def deviates(self) -> list[bool]:
        """Which columns have standard deviations, for whose place all of their cells leave room."""
        return [
            any(self.deviation in row[i].text for row in self.rows)
            for i in range(len(self.columns))
        ]

    @property
    def notes(self) -> list[str]:
        """What is said below the table, each once, in the order in which it comes up."""
        return list(dict.fromkeys(cell.note for row in self.rows for cell in row if cell.note))

    def mark(self, note: str) -> str:
        """The letter of a note."""
        return letter_of(self.notes.index(note))

    @property
    def data(self) -> list[dict[str, Plain]]:
        """The rows as machines read them; all have the same names."""
        rows = [{k: v for cell in row for k, v in cell.data.items()} for row in self.rows]
        names = dict.fromkeys(name for row in rows for name in row)
        return [{name: _rounded(row.get(name)) for name in names} for row in rows]


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

    def written(cell: Cell) -> str:
        return latex(cell.text) + (mark(cell.note) if cell.note else "")

    header = [
        latex(f"{column.title} ({column.unit})" if column.unit else column.title)
        for column in table.columns
    ]
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
        *(f"    {' & '.join(written(cell) for cell in row)} \\\\" for row in table.rows),
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


def _rounded(value: Plain) -> Plain:
    return round(value, 6) if isinstance(value, float) else value
