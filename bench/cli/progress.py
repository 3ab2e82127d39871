"""The live view of a run: a bar for the whole, a line for each running cell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn

from bench.cli.bar import new_bars
from bench.executors import Failed, Finished, Progressed, Started
from bench.executors.choose import Choice, open_executor
from bench.running import Outcome, run_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID

    from bench.cells import Cell
    from bench.executors import Event
    from bench.store import Store

_STEPS = 1000


def watch(
    store: Store, cells: Sequence[Cell], *, n_done: int, choice: Choice | None = None
) -> Outcome:
    """Run cells; show how they come along on a terminal, or print a line for each elsewhere."""
    with open_executor(choice or Choice(), cells) as executor:
        console = Console(stderr=True)
        console.print(f"{len(cells)} cells to run, {n_done} done already, {executor}")
        with new_bars(console, MofNCompleteColumn()) as bars:
            view = _View(bars, len(cells))
            return run_cells(store, cells, executor, view.tell, view.interrupted)


class _View:
    def __init__(self, bars: Progress, n_cells: int) -> None:
        self._bars = bars
        self._all = bars.add_task("all cells", total=n_cells, note="")
        self._rows: dict[str, TaskID] = {}
        self._since: dict[str, float] = {}

    def tell(self, event: Event) -> None:
        key = event.cell.key
        match event:
            case Started(cell):
                self._since[key] = time.monotonic()
                self._rows[key] = self._bars.add_task(escape(str(cell)), total=_STEPS, note="")
            case Progressed(_, fraction, note):
                done = int(_STEPS * fraction)
                self._bars.update(self._rows[key], completed=done, note=escape(note))
            case Finished(cell, record):
                scores = record.scores
                self._end(
                    key,
                    f"[green]✓[/] {escape(str(cell))}  accuracy {100 * scores.accuracy:.2f} %  "
                    f"macro-F1 {scores.macro_f1:.4f}",
                )
            case Failed(cell, reason, _):
                self._end(key, f"[red]✗[/] {escape(str(cell))}  {escape(reason)}")

    def interrupted(self) -> None:
        note = "nothing new begins; Ctrl-C again ends running cells"
        self._bars.update(self._all, note=note)
        if not self._bars.console.is_terminal:  # where there are no bars
            self._bars.console.print(f"interrupted: {note}", soft_wrap=True)

    def _end(self, key: str, line: str) -> None:
        seconds = time.monotonic() - self._since.pop(key)
        line += f"  [dim]{seconds:.1f} s[/]"
        self._bars.console.print(line, highlight=False, soft_wrap=True)
        self._bars.remove_task(self._rows.pop(key))
        self._bars.advance(self._all)
