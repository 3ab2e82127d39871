"""Where datasets lie on this machine, and how one gets there as a whole or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.datasets.manifest import Manifest


def data_directory() -> Path:
    """The folder of all datasets: `SMER_BENCH_DATA`, or the user's data folder."""
    chosen = os.environ.get("SMER_BENCH_DATA")
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("smer-bench")


def dataset_folder(manifest: Manifest) -> Path:
    """The folder of one version of one dataset."""
    return data_directory() / f"{manifest.name}-{manifest.version}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold other processes off `folder`, which need not exist yet.

    Raises:
        UserError: the folder around it cannot be written.
    """
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        lock.acquire()
    except OSError as error:
        raise _unwritable(folder.parent, error) from error
    try:
        yield
    finally:
        lock.release()


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
        raise _unwritable(folder, error) from error
    finally:
        _settle(folder, partial, old)


def _settle(folder: Path, partial: Path, old: Path) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    if old.exists() and not folder.exists():
        old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> UserError:
    reason = error.strerror or str(error)
    return UserError(
        f"{folder}: cannot be written: {reason}; SMER_BENCH_DATA names the folder to use instead"
    )
