"""What long cells keep between their epochs, to go on from after they were killed.

One folder a cell in the cache, under the cell's key. It is removed when the cell's record is
written, or when nobody has gone on with the cell for a month.
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.derived import cache_directory

if TYPE_CHECKING:
    from pathlib import Path

_KEPT = 30 * 24 * 3600.0  # seconds


def scratch_folder(key: str) -> Path:
    """Where the cell of that key may keep its state; it need not exist."""
    return _root() / key


def forget(key: str) -> None:
    """Remove the state of a cell that has its record."""
    shutil.rmtree(scratch_folder(key), ignore_errors=True)


def forget_abandoned() -> None:
    """Remove the states in which nothing has been written for a month."""
    for folder in _root().glob("*"):
        with suppress(OSError):  # another process removes it, too
            latest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
            if time.time() - latest > _KEPT:
                shutil.rmtree(folder, ignore_errors=True)


def _root() -> Path:
    return cache_directory() / "unfinished"
