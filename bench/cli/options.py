"""Options that several commands share."""

from __future__ import annotations

from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _complete_method(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    from bench.registry import methods

    return [name for name in methods() if name.startswith(incomplete)]


def _complete_suite(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    from bench.suites import suite_names

    return [name for name in suite_names() if name.startswith(incomplete)]


def _complete_dataset(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    from bench.datasets import dataset_names

    return [name for name in dataset_names() if name.startswith(incomplete)]


def _complete_executor(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    del ctx, param
    from bench.executors.choose import EXECUTORS

    return [name for name in EXECUTORS if name.startswith(incomplete)]


def suite_option(default: str) -> Decorator:
    """`--suite NAME|FILE.toml`."""
    return click.option(
        "--suite",
        default=default,
        show_default=True,
        metavar="NAME|FILE.toml",
        shell_complete=_complete_suite,
        help="The suite: smoke, lite, paper, or a file of your own.",
    )


def method_option(default: str = "*") -> Decorator:
    """`--method GLOB`."""
    return click.option(
        "--method",
        default=default,
        show_default=True,
        metavar="GLOB",
        shell_complete=_complete_method,
        help="Methods of the suite, such as 'mt-*'.",
    )


def dataset_option(default: str = "*") -> Decorator:
    """`--dataset GLOB`."""
    return click.option(
        "--dataset",
        default=default,
        show_default=True,
        metavar="GLOB",
        shell_complete=_complete_dataset,
        help="Datasets of the suite.",
    )


def seeds_option() -> Decorator:
    """`--seeds 0-9`."""
    return click.option("--seeds", metavar="0-9", help="Seeds; all of the suite's by default.")


def changes_option() -> Decorator:
    """`--changes k=v`, repeatable."""
    return click.option(
        "--changes",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting that differs from the suite's; may be given several times.",
    )


def from_scratch_option() -> Decorator:
    """`--from-scratch`."""
    return click.option(
        "--from-scratch", is_flag=True, help="Start from random weights; a variant of its own."
    )


def results_option() -> Decorator:
    """`--results DIR`."""
    return click.option(
        "--results",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("results"),
        show_default=True,
        help="The folder of records.",
    )


def executor_options() -> Decorator:
    """`--executor NAME` and what goes with each; the command gets them as one `Choice`."""
    options = (
        click.option(
            "-j", "--jobs", type=click.IntRange(min=1), help="Cells at once; as there is room."
        ),
        click.option(
            "--executor",
            default="local",
            show_default=True,
            metavar="local|dask|slurm",
            shell_complete=_complete_executor,
            help="Where cells run.",
        ),
        click.option("--gpus", metavar="0,1", help="local: a GPU for each cell, of these."),
        click.option(
            "--cells-per-gpu",
            type=click.IntRange(min=1),
            metavar="N",
            help="local: cells at once that share a GPU; 1 by default.",
        ),
        click.option(
            "--scheduler",
            metavar="tcp://HOST:PORT",
            help="dask: the cluster's scheduler; a cluster on this machine by default.",
        ),
        click.option(
            "--slurm",
            multiple=True,
            metavar="KEY=VALUE",
            help="slurm: an option of sbatch, such as partition=gpu; may be given several times.",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_choice(
            *,
            executor: str,
            jobs: int | None,
            gpus: str | None,
            cells_per_gpu: int | None,
            scheduler: str | None,
            slurm: tuple[str, ...],
            **others: Any,
        ) -> Any:
            from bench.executors.choose import Choice

            choice = Choice(executor, jobs, gpus, cells_per_gpu, scheduler, slurm)
            return command(choice=choice, **others)

        return reduce(lambda function, option: option(function), reversed(options), with_choice)

    return decorate
