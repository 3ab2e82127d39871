"""`bench ls`: what there is to run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bench.errors import UserError
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.argument("what", type=click.Choice(["methods", "datasets", "suites"]))
def ls(what: str) -> None:
    """List methods, datasets or suites. Imports no method and reads no data.

    Another package's dataset that cannot be loaded is named on standard error and makes the exit
    code 2; the others are listed.
    """
    refused: list[UserError] = []
    lists = {"methods": _methods, "datasets": lambda: _datasets(refused), "suites": _suites}
    rows = lists[what]()
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}".rstrip())
    for error in refused:
        click.echo(f"bench: {shown(str(error))}", err=True)
    if refused:
        sys.exit(UserError.exit_code)


def _methods() -> list[tuple[str, str]]:
    from bench.registry import methods

    return [(name, entry.summary) for name, entry in methods().items()]


def _datasets(refused: list[UserError]) -> list[tuple[str, str]]:
    from bench.datasets import dataset_info, dataset_names
    from bench.registry import calling

    rows = []
    for name in dataset_names():
        try:
            with calling("dataset", name):
                info = dataset_info(name)
        except UserError as error:  # another package's; the others can be listed
            refused.append(error)
        else:
            rows.append((name, f"{info.version}: {_sizes(info.sizes)}"))
    return rows


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {split}" for split, n in sizes.items())


def _suites() -> list[tuple[str, str]]:
    from bench.suites import load_suite, suite_names

    return [(name, load_suite(name).description) for name in suite_names()]
