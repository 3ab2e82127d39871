"""What this machine has of what the benchmark can use, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.errors import UserError
from bench.files import check_folder_writable
from bench.folders import cache_directory, data_directory
from bench.machine import has_amx, lacks_for_amx, lacks_for_kernels, usable_cores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Status = Literal["present", "absent", "broken"]

_ANOTHER_TORCH = "see https://pytorch.org for a build that fits the driver"
_EXTRAS = {
    "pyarrow": "parquet",
    "matplotlib": "figures",
    "distributed": "dask",
    "submitit": "slurm",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `bench doctor`."""

    name: str
    #: absent: can be done without; broken: was asked for, or is needed, and does not work.
    status: Status
    #: What was found and where, or else what to do, in one line.
    text: str


def examine() -> Iterator[Finding]:
    """Everything there is to know, quick things first. Changes nothing."""
    yield Finding("Python", "present", f"{platform.python_version()}, {sys.executable}")
    yield _torch()
    yield _processor()
    yield _gpu()
    yield from _extras()
    yield from _folders()
    yield _mirror()
    yield from _datasets()
    yield from _methods()
    yield from _git()
    yield from _extractors()


def _torch() -> Finding:
    try:
        return Finding("torch", "present", version("torch"))
    except PackageNotFoundError:
        return Finding("torch", "broken", "not installed: pip install torch")


def _processor() -> Finding:
    text = f"{usable_cores()} cores"
    if not has_amx():
        text += ", no AMX: networks compute in float32"
    else:
        text += ", AMX: networks may compute in bfloat16"
        if lacks := lacks_for_amx():
            text += f" (attention would be faster with {lacks})"
    if threads := os.environ.get("OMP_NUM_THREADS"):
        text += f", OMP_NUM_THREADS={threads}"
    return Finding("processor", "present", text)


def _gpu() -> Finding:
    # Only where there may be one is torch asked, which takes seconds to import.
    if sys.platform == "linux" and not Path("/dev/nvidiactl").exists():
        return Finding("GPU", "absent", "no NVIDIA device; the lite suite is made for processors")
    if find_spec("torch") is None:
        return Finding("GPU", "absent", "not known without torch, which is not installed")
    try:
        import torch

        name = str(torch.cuda.get_device_name()) if torch.cuda.is_available() else ""
    except Exception as error:  # noqa: BLE001 - whatever a build may raise that does not fit
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        return Finding("GPU", "broken", f"torch does not work: {reason}; {_ANOTHER_TORCH}")
    if name:
        if lacks := lacks_for_kernels():
            return Finding("GPU", "broken", f"{name}, but it lacks {lacks}")
        return Finding("GPU", "present", name)
    return Finding("GPU", "absent", f"this torch sees no GPU; {_ANOTHER_TORCH}")


def _extras() -> Iterator[Finding]:
    for package, extra in _EXTRAS.items():
        try:
            yield Finding(package, "present", version(package))
        except PackageNotFoundError:
            yield Finding(package, "absent", f"pip install 'smer-bench[{extra}]'")


def _folders() -> Iterator[Finding]:
    folders = {
        "cache folder": (cache_directory, "SMER_BENCH_CACHE"),
        "data folder": (data_directory, "SMER_BENCH_DATA"),
    }
    for name, (find, variable) in folders.items():
        try:
            folder = find()
        except UserError as error:
            yield Finding(name, "broken", str(error))
            continue
        try:
            check_folder_writable(folder)
        except UserError as error:
            yield Finding(name, "broken", f"{error}; set {variable} to one that can")
        else:
            yield Finding(name, "present", f"{folder} (set {variable} for another)")


def _mirror() -> Finding:
    from bench.datasets.builtin import SOURCES

    mirror = os.environ.get("SMER_BENCH_MIRROR")
    if not mirror:
        hint = "SMER_BENCH_MIRROR is not set; without a network, a folder of the archives"
        return Finding("mirror", "absent", hint)
    if not Path(mirror).is_dir():
        hint = f"{mirror} is not a folder: set or unset SMER_BENCH_MIRROR"
        return Finding("mirror", "broken", hint)
    there = [name for name, source in SOURCES.items() if (Path(mirror) / source.archive).is_file()]
    return Finding("mirror", "present", f"{mirror}: archives of {', '.join(there) or 'nothing'}")


def _datasets() -> Iterator[Finding]:
    from bench.datasets import dataset_info, dataset_names
    from bench.datasets.fetch import is_fetched

    for name in dataset_names():
        try:
            info = dataset_info(name)
        except UserError as error:
            yield Finding(name, "broken", str(error))
            continue
        text = f"{info.version}, {sum(info.sizes.values()):,} clips"
        if is_fetched(name):
            yield Finding(name, "present", text)
        else:
            yield Finding(name, "absent", f"bench data fetch {name}")


def _methods() -> Iterator[Finding]:
    from bench.registry import method_problems, methods

    yield Finding("methods", "present", f"{len(methods())}, listed by `bench ls methods`")
    for problem in method_problems():
        yield Finding("methods", "broken", problem)


def _git() -> Iterator[Finding]:
    """Of a working tree; an installed package has no commit, and lacks nothing."""
    from bench.provenance import git_state

    git = git_state()
    if git.problem:
        yield Finding("git", "absent", f"records will name no commit: {git.problem}")
    elif git.revision:
        changes = ", with uncommitted changes" if git.dirty else ""
        yield Finding("git", "present", f"commit {git.revision[:12]}{changes}")


def _extractors() -> Iterator[Finding]:
    from bench.extractors import CheckedExtractor, extractor_names, load_extractor
    from bench.registry import calling

    for name in extractor_names():
        try:
            extractor = load_extractor(name)
        except UserError as error:
            yield Finding(name, "broken", str(error))
            continue
        try:
            with calling("extractor", name):
                if isinstance(extractor, CheckedExtractor):
                    found = _findings(extractor.check())
                else:
                    n_columns = len(extractor.columns)
                    found = [Finding(name, "present", f"{n_columns:,} columns")]
        except UserError as error:
            found = [Finding(name, "broken", str(error))]
        yield from found


def _findings(given: Iterable[object]) -> list[Finding]:
    found = []
    for finding in given:
        if not isinstance(finding, Finding):
            raise TypeError(f"check() gave {finding!r}, which is not a bench.doctor.Finding")
        found.append(finding)
    return found
