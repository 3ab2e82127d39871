"""`bench ls`: what there is to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli.options import completing
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.cli.refusals import Refusals

    Rows = list[tuple[str, str]]


@click.command()
@click.argument("what", type=click.Choice(["methods", "datasets", "suites"]))
@click.argument("method", required=False, shell_complete=completing("bench.registry:methods"))
def ls(what: str, method: str | None) -> None:
    """List methods, datasets or suites; or the settings of one METHOD with their defaults.

    A list imports no method and reads no data. What another package brings and cannot be used is
    named on standard error and makes the exit code 2; the others are listed.

    \b
    Examples:
      bench ls suites
      bench ls methods midibert
    """
    from bench.cli.refusals import Refusals

    if method and what != "methods":
        raise click.UsageError(f"{what} are listed by name alone: leave out {method!r}")
    if method:
        _describe(method)
        return
    refusals = Refusals()
    rows = {"methods": _methods, "datasets": _datasets, "suites": _suites}[what](refusals)
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}".rstrip())
    refusals.end()


def _methods(refusals: Refusals) -> Rows:
    from bench.registry import method_problems, methods

    refusals.messages += method_problems()
    return [(name, entry.summary) for name, entry in methods().items()]


def _describe(name: str) -> None:
    import inspect

    from bench.registry import find_method
    from bench.suites import load_suite, suite_names

    entry = find_method(name)
    try:
        settings = inspect.signature(entry.load()).parameters.values()
    except (Exception, SystemExit) as error:  # another package's
        raise UserError(f"{name}: cannot be imported: {type(error).__name__}: {error}") from error
    suites = [suite for suite in suite_names() if name in load_suite(suite).methods]
    reads = f", reads {entry.encoding}" if entry.encoding else ""
    seeds = ", the same with every seed" if entry.deterministic else ""
    click.echo(f"{name}: {entry.summary}")
    click.echo(f"version {entry.version}{reads}{seeds}; in suites: {', '.join(suites) or 'none'}")
    click.echo("settings, by default:" if settings else "no settings")
    for setting in settings:
        default = "" if setting.default is setting.empty else f" = {setting.default!r}"
        click.echo(f"  {setting.name}{default}")


def _datasets(refusals: Refusals) -> Rows:
    from bench.datasets import dataset_info, dataset_names, shadowed_names

    refusals.messages += [
        f"dataset {name!r} of another package has the name of one of the benchmark's own, and is "
        "never loaded: rename it"
        for name in shadowed_names()
    ]
    rows = []
    for name in dataset_names():
        with refusals.noted(name):
            info = dataset_info(name)
            rows.append((name, f"{info.version}: {_sizes(info.sizes)}"))
    return rows


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {split}" for split, n in sizes.items())


def _suites(refusals: Refusals) -> Rows:
    del refusals  # a package elsewhere brings none
    from bench.suites import load_suite, suite_names

    return [(name, load_suite(name).description) for name in suite_names()]
