"""Options that several commands share."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import click

from bench.executors.choose import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.core import ParameterSource

    from bench.cells import Cell

    Completer = Callable[[click.Context, click.Parameter, str], list[str]]
    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Once(click.Option):
    """An option of one value that refuses a second; Click's own takes the last and is silent.

    For what to run and what to read, of which one may well want several, as of `--changes`.
    """

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Have the parser keep every value."""
        del ctx
        parser.add_option(self, self.opts, self.name, action="append")

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """The one value.

        Raises:
            click.UsageError: there are several.
        """
        given = opts.get(self.name or "")
        if not given:
            return super().consume_value(ctx, opts)
        if len(given) > 1 and not ctx.resilient_parsing:  # as for completion, of half a line
            name = self.opts[0]
            raise click.UsageError(
                f"{name} is given {len(given)} times: write one {name} {self.make_metavar(ctx)}",
                ctx,
            )
        return super().consume_value(ctx, {**opts, self.name or "": given[-1]})


def completing(names: str) -> Completer:
    """A completer of names.

    Args:
        names: what gives them, "module:function", imported when there is something to complete.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        del ctx, param
        return [name for name in resolve_name(names)() if name.startswith(incomplete)]

    return complete


def suite_option(default: str) -> Decorator:
    """`--suite NAME|FILE.toml`."""
    return click.option(
        "--suite",
        cls=Once,
        default=default,
        show_default=True,
        metavar="NAME|FILE.toml",
        shell_complete=completing("bench.suites:suite_names"),
        help="The suite: smoke, lite, paper, or a file of your own.",
    )


def dataset_option(default: str = "*") -> Decorator:
    """`--dataset GLOB`."""
    return click.option(
        "--dataset",
        cls=Once,
        default=default,
        show_default=True,
        metavar="GLOB",
        shell_complete=completing("bench.datasets:dataset_names"),
        help="Datasets of the suite.",
    )


def seeds_option() -> Decorator:
    """`--seeds 0-9`; the command gets a list, None if nothing was said."""
    return click.option(
        "--seeds",
        cls=Once,
        metavar="0-9",
        callback=_parsed_seeds,
        help="Seeds; all of the suite's by default.",
    )


def _parsed_seeds(ctx: click.Context, param: click.Parameter, text: str | None) -> list[int] | None:
    del ctx, param
    if text is None:
        return None
    from bench.cells import parse_seeds

    return parse_seeds(text)


def changes_option() -> Decorator:
    """`--changes k=v`, repeatable."""
    return click.option(
        "--changes",
        multiple=True,
        metavar="KEY=VALUE",
        help="A setting that differs from the suite's; may be given several times.",
    )


def results_option() -> Decorator:
    """`--results DIR`."""
    return click.option(
        "--results",
        cls=Once,
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("results"),
        show_default=True,
        help="The folder of records.",
    )


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cells a command is to deal with, as its options say."""

    suite: str
    method: str
    dataset: str
    seeds: list[int] | None
    changes: tuple[str, ...]
    from_scratch: bool

    @property
    def is_all(self) -> bool:
        """Whether it is every method, dataset and seed of the suite."""
        return self.method == self.dataset == "*" and self.seeds is None

    def cells(self) -> list[Cell]:
        """The cells; see `bench.cells.plan`.

        Raises:
            UserError: as `bench.suites.load_suite`, `bench.cells.parse_changes` and
                `bench.cells.plan`.
        """
        from bench.cells import parse_changes, plan
        from bench.suites import load_suite

        return plan(
            load_suite(self.suite),
            method=self.method,
            dataset=self.dataset,
            seeds=self.seeds,
            changes=parse_changes(self.changes),
            from_scratch=self.from_scratch,
        )


def cell_options() -> Decorator:
    """`--suite` and what chooses among its cells; the command gets them as one `Selection`."""
    options = (
        suite_option("lite"),
        click.option(
            "--method",
            cls=Once,
            default="*",
            show_default=True,
            metavar="GLOB",
            shell_complete=completing("bench.registry:methods"),
            help="Methods of the suite, such as 'mt-*'.",
        ),
        dataset_option(),
        seeds_option(),
        changes_option(),
        click.option(
            "--from-scratch", is_flag=True, help="Start from random weights; a variant of its own."
        ),
    )

    return _gathered("selection", Selection, options)


def executor_options() -> Decorator:
    """`--executor NAME` and what goes with each; the command gets them as one `Choice`."""
    options = (
        click.option(
            "-j",
            "--jobs",
            type=click.IntRange(min=1),
            help="Cells at once; as many as the cores allow by default.",
        ),
        click.option(
            "--executor",
            default="local",
            show_default=True,
            metavar="local|dask|slurm",
            shell_complete=completing("bench.executors.choose:EXECUTORS.keys"),
            help="Where cells run.",
        ),
        click.option(
            "--gpus", cls=Once, metavar="0,1", help="local: the GPUs to use, one for each cell."
        ),
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

    return _gathered("choice", Choice, options)


def _gathered(name: str, make: type, options: Sequence[Decorator]) -> Decorator:
    """Options which a command gets as one argument: a dataclass with a field for each of them."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def gathering(**given: Any) -> Any:
            own = {field.name: given.pop(field.name) for field in fields(make)}
            return command(**given, **{name: make(**own)})

        decorated: Callable[..., Any] = gathering
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
