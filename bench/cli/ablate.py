"""`bench ablate`: every subset of the auxiliary tasks."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import click

from bench.cli.options import (
    Once,
    dataset_option,
    executor_options,
    results_option,
    seeds_option,
    suite_option,
)

if TYPE_CHECKING:
    from pathlib import Path

    from bench.executors.choose import Choice


@click.command()
@click.option(
    "--tasks", cls=Once, required=True, metavar="key,velocity", help="Auxiliary tasks to vary."
)
@suite_option("lite")
@click.option(
    "--method", cls=Once, default="midibert", show_default=True, help="The single-task method."
)
@dataset_option("emopia")
@seeds_option()
@results_option()
@executor_options()
def ablate(
    *,
    tasks: str,
    suite: str,
    method: str,
    dataset: str,
    seeds: list[int] | None,
    results: Path,
    choice: Choice,
) -> None:
    """Run a method with every subset of the auxiliary tasks, as in the paper's Table 3.

    \b
    Example:
      bench ablate --tasks key,velocity --method midibert --dataset emopia
    """
    from bench.cells import plan
    from bench.cli.run import run_and_tell
    from bench.errors import UserError
    from bench.names import pick
    from bench.suites import load_suite

    loaded = load_suite(suite)
    pick(method, loaded.methods, "method", see="bench ls methods")
    if any(loaded.settings(method, name).get("tasks") for name in loaded.datasets):
        raise UserError(f"{method} has tasks already: name the method without them")
    known: dict[str, None] = {}
    for name, table in loaded.methods.items():
        listed = table.get("tasks", [])
        if not isinstance(listed, list) or not all(isinstance(task, str) for task in listed):
            raise UserError(
                f"suite {loaded.name}: methods.{name}.tasks = {listed!r}: write a list of names"
            )
        known |= dict.fromkeys(listed)
    wanted = [pick(task.strip(), known, "task") for task in tasks.split(",")]
    ordered = [task for task in known if task in wanted]  # key,velocity is velocity,key
    subsets = [list(c) for n in range(len(ordered) + 1) for c in combinations(ordered, n)]
    cells = [
        cell
        for subset in subsets
        for cell in plan(
            loaded,
            method=method,
            dataset=dataset,
            seeds=seeds,
            changes={"tasks": subset} if subset else {},
        )
    ]
    cells.sort(key=lambda cell: cell.seed)  # every subset's first seed comes early
    run_and_tell(cells, results, choice=choice)
