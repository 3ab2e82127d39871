"""Where this package keeps its files on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path, user_data_path

if TYPE_CHECKING:
    from collections.abc import Callable


def cache_directory() -> Path:
    """Where derived values are kept: `SMER_BENCH_CACHE`, or the user's cache folder."""
    return _folder("SMER_BENCH_CACHE", user_cache_path)


def data_directory() -> Path:
    """The folder of all datasets: `SMER_BENCH_DATA`, or the user's data folder."""
    return _folder("SMER_BENCH_DATA", user_data_path)


def _folder(variable: str, default: Callable[[str], Path]) -> Path:
    chosen = os.environ.get(variable)
    return Path(chosen) if chosen else default("smer-bench")
