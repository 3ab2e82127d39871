"""`bench ls`: what there is to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.cli.refusals import Refusals

    Rows = list[tuple[str, str]]


@click.command()
@click.argument("what", type=click.Choice(["methods", "datasets", "suites"]))
def ls(what: str) -> None:
    """List methods, datasets or suites. Imports no method and reads no data.

    What another package brings and cannot be used is named on standard error and makes the exit
    code 2; the others are listed.
    """
    from bench.cli.refusals import Refusals

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
