"""`bench data`: the datasets on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.bar import progress_bar
from bench.cli.export import export
from bench.cli.options import completing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table

    from bench.datasets.manifest import ManifestRow

#: Columns that the numbers of dirt take, and some of its rule.
_NARROWEST = 80
#: Wrong files that are named; the others are counted.
_NAMED = 20


_names = click.argument(
    "names",
    metavar="[NAME]...",
    nargs=-1,
    shell_complete=completing("bench.datasets:dataset_names"),
)


@click.group()
def data() -> None:
    """Fetch, verify, describe or export the datasets."""


data.add_command(export)


@data.command()
@_names
@click.option(
    "--mirror",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the published archives, read instead of the network. "
    "[default: SMER_BENCH_MIRROR]",
)
def fetch(names: Sequence[str], mirror: Path | None) -> None:
    """Download datasets (emopia and vgmidi if none is named) and check every file."""
    from bench.datasets.builtin import SOURCES

    fetch_watched(names or SOURCES, mirror)


def fetch_watched(names: Iterable[str], mirror: Path | None = None) -> None:
    """Fetch datasets under a progress bar, and say where they are.

    Raises:
        UserError: as `bench.datasets.fetch.fetch`.
    """
    from bench.datasets import dataset_info
    from bench.datasets.fetch import fetch as fetch_dataset

    for name in names:
        info = dataset_info(name)
        with progress_bar(f"{name} {info.version}") as progress:
            folder = fetch_dataset(name, mirror, progress)
        n_clips = sum(info.sizes.values())
        click.echo(f"{name} {info.version}: {n_clips:,} clips in three splits, below {folder}")


def fetch_missing(names: Iterable[str]) -> None:
    """Fetch those datasets that are not on this machine; see `fetch_watched`.

    Raises:
        UserError: as `bench.datasets.fetch.fetch`.
    """
    from bench.datasets.fetch import is_fetched

    fetch_watched(name for name in dict.fromkeys(names) if not is_fetched(name))


@data.command()
@_names
def verify(names: Sequence[str]) -> None:
    """Check every file of datasets (of all that are on this machine, if none is named)."""
    from bench.cli.refusals import Refusals
    from bench.datasets import dataset_names, expected_files
    from bench.datasets.builtin import BUILT_IN
    from bench.datasets.fetch import is_fetched
    from bench.datasets.verify import problems
    from bench.errors import WorkError

    refusals, files = Refusals(), {}
    for name in names or dataset_names():
        with refusals.noted(name):
            files[name] = expected_files(name)
    n_bad, mendable = 0, False
    for name, expected in files.items():
        if not names and not is_fetched(name) and not any(file.exists() for file in expected):
            click.echo(f"{name}: not fetched")
            continue
        with progress_bar(name) as progress:
            found = problems(expected, progress)
        click.echo(f"{name}: {len(expected):,} files, {len(found):,} missing or wrong")
        for line in found[:_NAMED]:
            click.echo(f"  {line}")
        if len(found) > _NAMED:
            click.echo(f"  and {len(found) - _NAMED:,} more")
        n_bad += len(found)
        mendable |= bool(found) and name in BUILT_IN
    if n_bad:
        # Other packages bring their own files, which they alone can mend.
        refusals.tell()
        hint = "; `bench data fetch NAME` repairs a dataset of the benchmark's own" * mendable
        raise WorkError(f"{n_bad:,} files are missing or wrong{hint}")
    refusals.end()


@data.command()
@_names
def info(names: Sequence[str]) -> None:
    """Describe datasets: clips per split and class, songs, lengths, and known dirt."""
    from bench.cli.console import wide_console
    from bench.cli.refusals import Refusals
    from bench.datasets import dataset_info, dataset_names, manifest_rows
    from bench.report.wide import Wide

    refusals, described = Refusals(), []
    for name in names or dataset_names():
        with refusals.noted(name):
            described.append((dataset_info(name), manifest_rows(name)))
    console = wide_console()
    for found, rows in described:
        console.print(f"{found.name} {found.version}", style="bold", highlight=False)
        console.print(found.about, highlight=False)
        console.print(f"digest {found.digest}", style="dim", highlight=False)
        console.print(Wide(_sizes(rows)), crop=False)
        console.print(Wide(_dirt(rows), _NARROWEST), crop=False)
        console.print()
    refusals.end()


def _sizes(rows: Sequence[ManifestRow]) -> Table:
    from bench.datasets.dataset import SPLITS
    from bench.datasets.survey import lengths
    from bench.labels import QUADRANTS

    table = _table("", "clips", *QUADRANTS, "songs", "notes p50", "p90", "max")
    for split in SPLITS:
        members = [row for row in rows if row.split == split]
        classes = [sum(row.label == quadrant for row in members) for quadrant in QUADRANTS]
        n_songs = len({row.song for row in members})
        numbers = (len(members), *classes, n_songs, *lengths(members))
        table.add_row(split, *(f"{number:,}" for number in numbers))
    return table


def _dirt(rows: Sequence[ManifestRow]) -> Table | str:
    from bench.datasets.dataset import LEFT_OUT, SPLITS
    from bench.datasets.survey import DIRT, count_dirt

    table = _table("dirt", *SPLITS, LEFT_OUT)
    table.add_column("rule")
    for kind, counts in count_dirt(rows).items():
        if any(counts.values()):
            table.add_row(kind, *(f"{n:,}" for n in counts.values()), DIRT[kind])
    return table if table.row_count else "no known dirt"


def _table(first: str, *numbers: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_edge=False, pad_edge=False)
    table.add_column(first, overflow="fold")
    for name in numbers:  # of a number that is cut off nobody knows what it was
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    return table
