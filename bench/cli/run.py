"""`bench run`: run the cells that have no record yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import cell_options, executor_options, results_option
from bench.errors import UserError, WorkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.cli.options import Selection
    from bench.executors.choose import Choice


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every method, dataset and seed.")
@cell_options()
@results_option()
@click.option("--retry-failed", is_flag=True, help="Only cells that failed when last run.")
@executor_options()
def run(
    *,
    everything: bool,
    selection: Selection,
    results: Path,
    retry_failed: bool,
    choice: Choice,
) -> None:
    """Run the cells that have no record yet.

    Say --all, or choose with --method, --dataset, --seeds. What is done already is not done again;
    what fails is reported and does not stop the others.

    \b
    Examples:
      bench run --all --suite smoke
      bench run --method 'mt-*' --dataset emopia --seeds 0-4
      bench run --method midibert --changes epochs=5
      bench run --method 'mt-*' --from-scratch
      bench run --all --suite paper --gpus 0,1
      bench run --all --executor slurm --slurm partition=long
    """
    if selection.is_all and not (everything or retry_failed):
        raise UserError("say what to run: --all, or --method, --dataset or --seeds")
    run_and_tell(selection.cells(), results, choice=choice, retry_failed=retry_failed)


def run_and_tell(
    cells: Sequence[Cell],
    results: Path,
    *,
    choice: Choice,
    retry_failed: bool = False,
) -> None:
    """Run cells under a live view, then print what they came to.

    Raises:
        UserError: as `bench.running.check_all_settings`, and where data cannot be fetched.
        WorkError: a cell failed, or the run was interrupted.
    """
    from bench.cli.data import fetch_missing
    from bench.cli.progress import watch
    from bench.cli.summary import print_summary
    from bench.files import check_folder_writable
    from bench.folders import CACHE_HINT, cache_directory
    from bench.running import check_all_settings, pending, sweep
    from bench.store import Store

    store = Store(results)
    sweep(store, cells)
    lacking = pending(store, cells)
    done = len({cell.key for cell in cells}) - len(lacking)
    todo = pending(store, lacking, retry_failed=True) if retry_failed else lacking
    if not todo:
        nothing = "no cell has failed" if retry_failed else f"all {done} cells are done"
        click.echo(f"{nothing}; 0 executed")
        return
    check_all_settings(todo)
    try:
        check_folder_writable(cache_directory())
    except UserError as error:  # cells warn of it, too, but only into logs
        click.echo(
            f"bench: {error}: each cell computes its own tokens and features; {CACHE_HINT}",
            err=True,
        )
    fetch_missing(cell.dataset for cell in todo)
    outcome = watch(store, todo, n_done=done, choice=choice)
    for mistake in print_summary(store, cells):
        click.echo(mistake)
    click.echo(
        f"{len(outcome.finished)} executed, {done + len(outcome.elsewhere)} done already, "
        f"{len(outcome.failed)} failed; records in {results}"
    )
    if outcome.failed:
        n_failed = len(outcome.failed)
        raise WorkError(f"{n_failed} of {len(todo)} cells failed; `bench show CELL` has its log")
    if outcome.interrupted:
        raise WorkError("interrupted; the same command goes on from here")
