"""Tables that are whole, however narrow the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

#: Columns in which nothing is cut or folded.
WIDE = 125


@dataclass(frozen=True)
class Wide:
    """What is drawn as on a terminal of so many columns at least; to be printed with `crop=False`.

    A line that runs on in the next can be read, a number that is cut off cannot.
    """

    table: RenderableType
    columns: int = WIDE

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """See `rich`."""
        wide = options.update_width(max(options.max_width, self.columns))
        yield from console.render(self.table, wide)
