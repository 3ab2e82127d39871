"""What the templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.titles import dataset_name
from bench.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.report.rows import Board
    from bench.report.table import Section, Table
    from bench.site.clips import ClipBoard


@dataclass(frozen=True)
class Block:
    """A table on a page, and the files that hold it, by kind."""

    table: Table
    files: Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A section of a page, with the files of its table."""

    section: Section
    block: Block
    stem: str  # of its files


@dataclass(frozen=True)
class Picture:
    """A figure on a page."""

    file: str
    caption: str
    in_tables: bool  # whether tables have its numbers
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class View:
    """A board as its pages name it."""

    board: Board
    stem: str
    main: Block
    clips: ClipBoard | None
    caution: str  # what is to be said before all tables

    @property
    def name(self) -> str:
        """The dataset's name."""
        return dataset_name(self.board.dataset)

    @property
    def title(self) -> str:
        """The dataset's name and version."""
        return dataset_name(self.board.dataset, self.board.first.dataset.version)

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.board.suite

    @property
    def sizes(self) -> str:
        """How many clips there are."""
        used = self.board.first.dataset
        return f"{used.n_train:,} train, {used.n_valid:,} valid, {used.n_test:,} test clips."

    @property
    def digest(self) -> str:
        """The manifest's digest, cut short."""
        return one_line(self.board.first.dataset.digest)[:12]

    @property
    def page(self) -> str:
        """The page of everything but the clips."""
        return f"{self.stem}.html"

    @property
    def clips_page(self) -> str:
        """The page of the clips; "" where there are no methods to show."""
        return f"{self.stem}.clips.html" if self.clips else ""
