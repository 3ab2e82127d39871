"""Where datasets lie on this machine, and how one gets there as a whole or not at all."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.claims import Claims
from bench.errors import UserError
from bench.files import check_folder_writable
from bench.folders import data_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.datasets.manifest import Manifest

_HINT = "SMER_BENCH_DATA names the folder to use instead"


def dataset_folder(manifest: Manifest) -> Path:
    """The folder of one version of one dataset."""
    return data_directory() / f"{manifest.name}-{manifest.version}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold other processes off `folder`, which need not exist yet.

    Raises:
        UserError: the folder around it cannot be written, or its file system has no locks.
    """
    try:
        check_folder_writable(folder.parent)
    except UserError as error:
        raise UserError(f"{error}; {_HINT}") from error
    with Claims(folder.parent).waiting(folder.name):
        yield


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` if the block ends well.

    Call it while `locked`. Whatever interrupts the block, `folder` is as it was before.

    Raises:
        UserError: nothing can be written there.
    """
    partial = folder.parent / f".{folder.name}.partial"
    old = folder.parent / f".{folder.name}.old"
    try:
        _settle(folder, partial, old)  # after a process that was killed
        partial.mkdir()
        yield partial
        if folder.exists():
            folder.rename(old)
        partial.rename(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{folder}: cannot be written: {reason}; {_HINT}") from error
    finally:
        _settle(folder, partial, old)


def _settle(folder: Path, partial: Path, old: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
