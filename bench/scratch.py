"""What long cells keep between their epochs, to go on from after they were killed.

One folder a cell in the cache, under the cell's key. It is removed when the cell's record is
written, or when nobody has gone on with the cell for a month. One process at a time has it: runs
into two results folders may run the same cell at once.
"""

from __future__ import annotations

import shutil
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from bench.claims import Claims
from bench.errors import UserError
from bench.folders import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEPT = 30 * 24 * 3600.0  # seconds


@contextmanager
def scratch_folder(key: str) -> Iterator[Path | None]:
    """Where the cell of that key may keep its state; it need not exist.

    None while another process has it.
    """
    try:
        claim = Claims(_root()).claim(key)
    except UserError:  # no cache to write to, of which the method will warn
        yield _root() / key
        return
    if claim is None:
        yield None
        return
    try:
        yield _root() / key
    finally:
        claim.release()


def forget(key: str) -> None:
    """Remove the state of a cell that has its record, unless another process has it."""
    with scratch_folder(key) as folder:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def forget_abandoned() -> None:
    """Remove the states in which nothing has been written for a month."""
    for folder in _root().glob("[!.]*"):
        with suppress(OSError):  # another process removes it, too
            latest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - latest > _KEPT:
                forget(folder.name)
    Claims(_root()).tidy()


def _root() -> Path:
    return cache_directory() / "unfinished"
