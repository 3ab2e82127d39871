"""Where this package keeps its files on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path, user_data_path

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

#: What to do where the cache cannot be written.
CACHE_HINT = "SMER_BENCH_CACHE names the folder to use instead"


def cache_directory() -> Path:
    """Where derived values are kept: `SMER_BENCH_CACHE`, or the user's cache folder.

    Raises:
        UserError: the user has none.
    """
    return _folder("SMER_BENCH_CACHE", user_cache_path)


def data_directory() -> Path:
    """The folder of all datasets: `SMER_BENCH_DATA`, or the user's data folder.

    Raises:
        UserError: the user has none.
    """
    return _folder("SMER_BENCH_DATA", user_data_path)


def _folder(variable: str, default: Callable[[str], Path]) -> Path:
    if chosen := os.environ.get(variable):
        return Path(chosen)
    try:
        folder = default("smer-bench")
    except RuntimeError:  # without HOME, and without an entry of the user
        folder = Path()
    if not folder.is_absolute():  # what older versions of platformdirs make of that
        raise UserError(f"there is no home folder here: set {variable} to a folder of yours")
    return folder
