"""A table that Markdown, a page, a CSV file, a JSON file and a LaTeX document show alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from bench.report.ranking import letter_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Plain = str | int | float | bool | None

#: What stands where there is nothing to say.
BLANK = "–"


@dataclass(frozen=True)
class Column:
    """What stands in a column."""

    title: str
    unit: str = ""
    numeric: bool = True
    drawn: bool = False  # its numbers stand behind small pictures, so it is aligned left
    prose: bool = False  # whether its texts may be long

    @property
    def heading(self) -> str:
        """Title and unit in a line."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Span:
    """A fraction with its interval, and what was published, to be drawn as a line from 0 to 1."""

    low: float
    high: float
    mean: float
    paper: float | None = None


@dataclass(frozen=True)
class Entry:
    """What people read in one place of a table, and the numbers behind it.

    `data` is what CSV and JSON hold, by name; accuracies are fractions there, as in the records.
    """

    text: str = BLANK
    data: Mapping[str, Plain] = field(default_factory=dict)
    span: Span | None = None
    note: str = ""  # what has to be said about it, below the table
    heat: float | None = None  # a share, 0..1, shown as a shade

    @property
    def key(self) -> str:
        """What it is sorted by: the first of its data, or its text; "" where it has none."""
        value = next(iter(self.data.values()), None)
        if value is None:
            return "" if self.text == BLANK else self.text
        return f"{value:.9g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Table:
    """Rows of entries below their columns. The first column names the row."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]
    sorted_by: str = ""  # title of a column
    descending: bool = True
    deviation: ClassVar[str] = " ± "  # between a mean and its standard deviation

    @property
    def deviates(self) -> list[bool]:
        """Which columns have standard deviations, for which all of their entries leave room."""
        return [
            any(self.deviation in row[i].text for row in self.rows)
            for i in range(len(self.columns))
        ]

    @property
    def notes(self) -> list[str]:
        """What is said below the table, each once, in the order in which it comes up."""
        return list(dict.fromkeys(entry.note for row in self.rows for entry in row if entry.note))

    def mark(self, note: str) -> str:
        """The letter of a note."""
        return letter_of(self.notes.index(note))

    @property
    def data(self) -> list[dict[str, Plain]]:
        """The rows as machines read them; all have the same names."""
        rows = [{k: v for entry in row for k, v in entry.data.items()} for row in self.rows]
        names = dict.fromkeys(name for row in rows for name in row)
        return [{name: _rounded(row.get(name)) for name in names} for row in rows]


@dataclass(frozen=True)
class Section:
    """A table under a heading. Words between two "*" are stressed."""

    name: str  # of its files
    title: str
    table: Table
    about: str = ""
    notes: Sequence[str] = ()  # paragraphs below the table


def _rounded(value: Plain) -> Plain:
    return round(value, 6) if isinstance(value, float) else value
