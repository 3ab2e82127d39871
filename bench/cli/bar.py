"""A bar for one piece of work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.methods import Progress as Tell


@contextmanager
def progress_bar(title: str) -> Iterator[Tell]:
    """A bar on a terminal, nothing elsewhere; what it gives is told how far the work is."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bars:
        task = bars.add_task(escape(title), total=1.0, note="")

        def tell(fraction: float, note: str = "") -> None:
            bars.update(task, completed=fraction, note=escape(note))

        yield tell
