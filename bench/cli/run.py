"""`bench run`: run the cells that have no record yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    changes_option,
    dataset_option,
    executor_options,
    from_scratch_option,
    method_option,
    results_option,
    seeds_option,
    suite_option,
)
from bench.errors import UserError, WorkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.executors.choose import Choice


@click.command()
@click.option("--all", "everything", is_flag=True, help="Every method, dataset and seed.")
@suite_option("lite")
@method_option()
@dataset_option()
@seeds_option()
@changes_option()
@from_scratch_option()
@results_option()
@click.option("--retry-failed", is_flag=True, help="Only cells that failed when last run.")
@executor_options()
def run(
    *,
    everything: bool,
    suite: str,
    method: str,
    dataset: str,
    seeds: str | None,
    changes: tuple[str, ...],
    results: Path,
    from_scratch: bool,
    retry_failed: bool,
    choice: Choice,
) -> None:
    """Run the cells that have no record yet.

    Say --all, or choose with --method, --dataset, --seeds. What is done already is not done again;
    what fails is told and does not stop the others.

    \b
    Examples:
      bench run --all --suite smoke
      bench run --method 'mt-*' --dataset emopia --seeds 0-4
      bench run --method midibert --changes epochs=5
      bench run --method 'mt-*' --from-scratch
      bench run --all --suite paper --gpus 0,1
      bench run --all --executor slurm --slurm partition=long
    """
    from bench.cells import parse_changes, parse_seeds, plan
    from bench.suites import load_suite

    if not (everything or retry_failed or seeds or method != "*" or dataset != "*"):
        raise UserError("say what to run: --all, or --method, --dataset or --seeds")
    cells = plan(
        load_suite(suite),
        method=method,
        dataset=dataset,
        seeds=None if seeds is None else parse_seeds(seeds),
        changes=parse_changes(changes),
        from_scratch=from_scratch,
    )
    run_and_tell(cells, results, choice=choice, retry_failed=retry_failed)


def run_and_tell(
    cells: Sequence[Cell],
    results: Path,
    *,
    choice: Choice | None = None,
    retry_failed: bool = False,
) -> None:
    """Run cells under a live view, then print what they came to.

    Raises:
        UserError: as `bench.running.check_all_settings`, and where data cannot be fetched.
        WorkError: a cell failed, or the run was interrupted.
    """
    from bench.cli.data import fetch_watched
    from bench.cli.progress import watch
    from bench.cli.summary import print_summary
    from bench.datasets.fetch import is_fetched
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
    datasets = dict.fromkeys(cell.dataset for cell in todo)
    fetch_watched(name for name in datasets if not is_fetched(name))
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
