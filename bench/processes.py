"""Pools of processes that any script may start."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Executor

_LOOK = 1.0  # seconds between two looks at the parent


def process_pool(workers: int) -> Executor:
    """A pool of `workers` processes, to be used in a `with` statement.

    They are fresh interpreters, not forks: the caller may hold threads (torch), which a fork would
    freeze. Unlike multiprocessing's they do not import the caller's script again, so that it needs
    no ``if __name__ == "__main__"`` and may come from standard input.
    """
    from loky import ProcessPoolExecutor  # takes a moment, which a warm cache need not

    pool: Executor = ProcessPoolExecutor(workers, initializer=_watch, initargs=(os.getpid(),))
    return pool


def _watch(parent: int) -> None:
    """End this process soon after its parent, however that ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
