"""`bench ls`: what there is to run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping


@click.command()
@click.argument("what", type=click.Choice(["methods", "datasets", "suites"]))
def ls(what: str) -> None:
    """List methods, datasets or suites. Imports no method and reads no data."""
    rows = {"methods": _methods, "datasets": _datasets, "suites": _suites}[what]()
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{name:<{width}}  {text}".rstrip())


def _methods() -> list[tuple[str, str]]:
    from bench.registry import methods

    return [(name, entry.summary) for name, entry in methods().items()]


def _datasets() -> list[tuple[str, str]]:
    from bench.datasets import dataset_info, dataset_names

    infos = [dataset_info(name) for name in dataset_names()]
    return [(info.name, f"{info.version}: {_sizes(info.sizes)}") for info in infos]


def _sizes(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {split}" for split, n in sizes.items())


def _suites() -> list[tuple[str, str]]:
    from bench.suites import load_suite, suite_names

    return [(name, load_suite(name).description) for name in suite_names()]
