"""`bench plan`: what would run, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import cell_options, results_option

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cli.options import Selection


@click.command()
@cell_options()
@results_option()
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Cells at once, for the estimate.")
def plan(*, selection: Selection, results: Path, jobs: int | None) -> None:
    """Show what would run, what is done, and about how long it takes. Reads no data.

    The estimate is the mean time of the same method's finished cells in the same suite and dataset.
    Settings in --changes are checked here, those in a suite's file by `bench run`.

    \b
    Example:
      bench plan --suite lite --method '*midibert'
    """
    from bench.estimates import estimate

    cells = selection.cells()
    # What a suite's file says is left to the run: methods take seconds to import.
    if selection.changes:
        from bench.running import check_all_settings

        check_all_settings(cells)
    for line in estimate(cells, results, jobs=jobs):
        click.echo(line)
