"""Ways to run cells. Whichever is chosen, the records are the same.

An executor takes cells one by one, as it has room for them, and reports what becomes of each as
events. It writes nothing: records reach the results folder through the caller alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from bench.cells import Cell
    from bench.records import Record


@dataclass(frozen=True, slots=True)
class Started:
    """Work on a cell has begun."""

    cell: Cell


@dataclass(frozen=True, slots=True)
class Progressed:
    """A cell reports how far it is: `fraction` in 0..1 and a few words."""

    cell: Cell
    fraction: float
    note: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A cell has its record."""

    cell: Cell
    record: Record


@dataclass(frozen=True, slots=True)
class Failed:
    """A cell has no record: one line that says why, and the end of what it printed."""

    cell: Cell
    reason: str
    log: str


@dataclass(frozen=True, slots=True)
class Returned:
    """There was no room for a cell after all: it goes back to those that wait."""

    cell: Cell


Event = Started | Progressed | Finished | Failed | Returned


class Executor(Protocol):
    """Runs cells."""

    def run(self, cells: Iterator[Cell]) -> Generator[Event, None, None]:
        """Take the next cell whenever there is room; end when none is left and all have ended.

        Every cell taken ends in exactly one `Finished` or `Failed`, however its process ends, or
        is `Returned` before it has started: the caller calls again with it. Closing the generator
        ends the work at once.
        """
