"""`bench plan`: what would run, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    changes_option,
    dataset_option,
    from_scratch_option,
    method_option,
    results_option,
    seeds_option,
    suite_option,
)

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@suite_option("lite")
@method_option()
@dataset_option()
@seeds_option()
@changes_option()
@from_scratch_option()
@results_option()
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Cells at once, for the estimate.")
def plan(
    *,
    suite: str,
    method: str,
    dataset: str,
    seeds: str | None,
    changes: tuple[str, ...],
    from_scratch: bool,
    results: Path,
    jobs: int | None,
) -> None:
    """Show what would run, what is done, and about how long it takes. Reads no data.

    The estimate is the mean time of the same method's finished cells in the same suite and dataset.
    Whether --changes fit is told here, whether the settings in a suite's file do by `bench run`.

    \b
    Example:
      bench plan --suite lite --method '*midibert'
    """
    from bench.cells import parse_changes, parse_seeds
    from bench.cells import plan as plan_cells
    from bench.estimates import estimate
    from bench.suites import load_suite

    cells = plan_cells(
        load_suite(suite),
        method=method,
        dataset=dataset,
        seeds=None if seeds is None else parse_seeds(seeds),
        changes=parse_changes(changes),
        from_scratch=from_scratch,
    )
    if changes:  # what a suite's file says is left to the run: methods take seconds to import
        from bench.running import check_all_settings

        check_all_settings(cells)
    for line in estimate(cells, results, jobs=jobs):
        click.echo(line)
