"""Datasets by name: the benchmark's own, and those of other packages.

A package joins with the entry-point group `smer_bench.datasets`, whose entries name functions
without arguments that return a `Dataset` of the entry's name::

    [project.entry-points."smer_bench.datasets"]
    my-songs = "my_package:load"
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from bench.datasets.builtin import BUILT_IN, SOURCES, built_in_manifest
from bench.datasets.dataset import SPLITS, Dataset, DatasetInfo
from bench.datasets.manifest import Manifest, read_manifest
from bench.datasets.storage import dataset_folder
from bench.errors import UserError
from bench.names import check_name, pick

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.datasets.manifest import ManifestRow

__all__ = [
    "SPLITS",
    "Dataset",
    "DatasetInfo",
    "Manifest",
    "clip_songs",
    "dataset_info",
    "dataset_names",
    "expected_files",
    "load_dataset",
    "manifest_rows",
    "read_manifest",
]

GROUP = "smer_bench.datasets"


def dataset_names() -> list[str]:
    """All datasets: the benchmark's own, then those of other packages in alphabetical order."""
    return [*BUILT_IN, *sorted(_foreign())]


def load_dataset(name: str) -> Dataset:
    """A dataset with its clips; their files are there, and are read when they are asked for.

    Raises:
        UserError: an unknown name (the message names the nearest); files that are missing; a
            song that crosses splits.
    """
    if point := _find(name):
        return _load(point)
    if name not in SOURCES:
        from bench.datasets.synthetic import install

        install()
    manifest = built_in_manifest(name)
    folder = dataset_folder(manifest)
    if not folder.exists():
        raise UserError(
            f"{name} {manifest.version} is not on this machine yet: `bench data fetch {name}`"
        )
    return manifest.dataset(folder)


def dataset_info(name: str) -> DatasetInfo:
    """Name, version, digest and sizes of a dataset; reads none of its files.

    Raises:
        UserError: an unknown name; the message names the nearest.
    """
    point = _find(name)
    if point is None:
        return built_in_manifest(name).info
    dataset = _load(point)
    sizes = {split: len(clips) for split, clips in dataset.splits.items()}
    return DatasetInfo(dataset.name, dataset.version, dataset.digest, sizes, f"from {point.value}")


def manifest_rows(name: str) -> Sequence[ManifestRow]:
    """The rows of a dataset's manifest. One from another package has none: its files are read.

    Raises:
        UserError: an unknown name; a file that cannot be read.
    """
    point = _find(name)
    if point is None:
        return built_in_manifest(name).rows
    from bench.datasets.survey import rows_of

    return rows_of(_load(point))


def clip_songs(name: str) -> dict[str, str]:
    """Clip -> song; reads no file.

    Raises:
        UserError: an unknown name.
    """
    if point := _find(name):
        return {clip.id: clip.song for clip in _load(point).clips}
    return {row.clip: row.song for row in built_in_manifest(name).rows}


def expected_files(name: str) -> dict[Path, str]:
    """Where the files of a dataset must be on this machine, and the sha256 of each.

    Raises:
        UserError: an unknown name; the message names the nearest.
    """
    if point := _find(name):
        return {clip.path: clip.sha256 for clip in _load(point).clips}
    if name not in SOURCES:
        load_dataset(name)
    manifest = built_in_manifest(name)
    return manifest.expected(dataset_folder(manifest))


def _foreign() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if (other := found.setdefault(point.name, point)) != point:
            raise UserError(
                f"two packages bring a dataset {point.name!r}, {other.value} and {point.value}: "
                "uninstall one"
            )
    return found


def _find(name: str) -> EntryPoint | None:
    """The entry point of another package's dataset; None for one of the benchmark's own."""
    if name in BUILT_IN:
        return None
    foreign = _foreign()
    return foreign[pick(name, [*BUILT_IN, *foreign], "dataset", see="bench ls datasets")]


@cache  # a loader may read all of its files
def _load(point: EntryPoint) -> Dataset:
    check_name(point.name, "the dataset's name")
    try:
        dataset: object = point.load()()
    except UserError:
        raise
    except Exception as error:  # a stranger's code may fail in any way, its import too
        raise UserError(
            f"dataset {point.name!r}: {point.value!r} failed: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(dataset, Dataset):
        raise UserError(f"dataset {point.name!r}: {point.value} returned no bench.datasets.Dataset")
    if dataset.name != point.name:
        raise UserError(
            f"dataset {point.name!r}: {point.value} returned one named {dataset.name!r}"
        )
    return dataset
