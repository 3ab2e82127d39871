"""Where tables are printed."""

from __future__ import annotations

from rich.console import Console

from bench.report.wide import WIDE


def wide_console() -> Console:
    """As wide as the terminal; in a file or a pipe, which have no width, wide enough."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)
