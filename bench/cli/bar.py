"""Bars that show how far work is, on a terminal; nothing elsewhere."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.progress import Progress, ProgressColumn

    from bench.methods import Progress as Tell


def new_bars(console: Console, share: ProgressColumn) -> Progress:
    """Bars that `share` puts into figures; each task has a field `note`, shown behind it."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        share,
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


@contextmanager
def progress_bar(title: str) -> Iterator[Tell]:
    """A bar for one piece of work; yields what to call with how far that is."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import TaskProgressColumn

    with new_bars(Console(stderr=True), TaskProgressColumn()) as bars:
        task = bars.add_task(escape(title), total=1.0, note="")

        def tell(fraction: float, note: str = "") -> None:
            bars.update(task, completed=fraction, note=escape(note))

        yield tell
