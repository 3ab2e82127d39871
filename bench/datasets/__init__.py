"""Datasets by name: the benchmark's own, and those of other packages.

A package joins with the entry-point group `smer_bench.datasets`, whose entries name functions
without arguments that return a `Dataset` of the entry's name::

    [project.entry-points."smer_bench.datasets"]
    my-songs = "my_package:load"
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bench.datasets.builtin import BUILT_IN, SOURCES, built_in_manifest
from bench.datasets.dataset import SPLITS, ClipRow, Dataset, DatasetInfo
from bench.datasets.manifest import Manifest, read_manifest
from bench.datasets.storage import dataset_folder
from bench.errors import UserError
from bench.names import check_name, pick
from bench.registry import calling, find_point, load_point, point_names

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from bench.datasets.manifest import ManifestRow

__all__ = [
    "SPLITS",
    "ClipRow",
    "Dataset",
    "DatasetInfo",
    "Manifest",
    "clip_rows",
    "clip_songs",
    "dataset_info",
    "dataset_names",
    "expected_files",
    "load_dataset",
    "manifest_rows",
    "read_manifest",
    "shadowed_names",
]

GROUP = "smer_bench.datasets"


def dataset_names() -> list[str]:
    """All datasets: the benchmark's own, then those of other packages in alphabetical order."""
    return [*BUILT_IN, *(name for name in point_names(GROUP) if name not in BUILT_IN)]


def shadowed_names() -> list[str]:
    """Datasets of other packages that cannot be had, as the benchmark's own have their names."""
    return [name for name in point_names(GROUP) if name in BUILT_IN]


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
    """As `clip_rows`, with notes and dirt; of another package's dataset all files are read.

    Raises:
        UserError: an unknown name; a file that cannot be read.
    """
    point = _find(name)
    if point is None:
        return built_in_manifest(name).rows
    from bench.datasets.survey import rows_of

    return rows_of(_load(point))


def clip_rows(name: str) -> Sequence[ClipRow]:
    """All clips of a dataset, those that no split holds included; reads no music.

    Raises:
        UserError: an unknown name; the message names the nearest.
    """
    point = _find(name)
    return _load(point).rows if point else built_in_manifest(name).rows


def clip_songs(name: str) -> dict[str, str]:
    """Clip -> song; see `clip_rows`.

    Raises:
        UserError: an unknown name; the message names the nearest.
    """
    return {row.clip: row.song for row in clip_rows(name)}


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


def _find(name: str) -> EntryPoint | None:
    """The entry point of another package's dataset; None for one of the benchmark's own."""
    if name in BUILT_IN:
        return None
    pick(name, dataset_names(), "dataset", see="bench ls datasets")
    return find_point(GROUP, name, "dataset")


@cache  # a loader may read all of its files
def _load(point: EntryPoint) -> Dataset:
    check_name(point.name, "the dataset's name")
    load = load_point(GROUP, point.name, "dataset")
    with calling("dataset", point.name):
        dataset: object = load()
    if not isinstance(dataset, Dataset):
        raise UserError(
            f"dataset {point.name!r}: what {point.value} returned is not a bench.datasets.Dataset"
        )
    if dataset.name != point.name:
        raise UserError(
            f"dataset {point.name!r}: {point.value} returned one named {dataset.name!r}"
        )
    return dataset
