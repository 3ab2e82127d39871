"""`bench show`: what is in a record."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from bench.cli.options import results_option


def _complete_cell(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del param
    from bench.errors import UserError
    from bench.report.find import cell_names

    results = ctx.params.get("results") or Path("results")
    with suppress(UserError):  # which the command itself will tell
        return [name for name in cell_names(results) if name.startswith(incomplete)]
    return []


@click.command()
@click.argument("cell", shell_complete=_complete_cell)
@results_option()
def show(cell: str, results: Path) -> None:
    """Show finished cells: scores, confusion matrix, history, settings, provenance.

    CELL is SUITE/DATASET/METHOD, SUITE/DATASET/METHOD/SEED, or the path of a record.

    \b
    Example:
      bench show lite/emopia/midibert/0
    """
    from bench.cli.board import current_keys
    from bench.cli.console import wide_console
    from bench.report.find import find_cell

    wide_console().print(find_cell(cell, results, current_keys), crop=False)
