"""The process in which cells run, one after another."""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.derived import cache_directory
from bench.errors import UserError, WorkError
from bench.execution import run_cell

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from bench.cells import Cell
    from bench.methods import Progress
    from bench.records import Record

#: Seconds between two messages of one cell about its progress.
_INTERVAL = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker sends: progress, or a cell's end (a record, or the reason there is none)."""

    fraction: float = 0.0
    note: str = ""
    record: Record | None = None
    reason: str = ""


def serve(orders: Connection, lifeline: Connection, log: Path) -> None:
    """Run the cells that arrive until None or the other end's death.

    Args:
        orders: brings cells, takes `Told`.
        lifeline: nothing is ever sent; it closes when the parent dies, and this process with it.
        log: takes what methods print, of the latest cell only.
    """
    os.setsid()  # a Ctrl-C at the terminal is the parent's to handle
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
    while (cell := orders.recv()) is not None:
        os.ftruncate(descriptor, 0)
        orders.send(_run(cell, _reporter(orders)))
        sys.stdout.flush()
        sys.stderr.flush()


def _die_with(lifeline: Connection) -> None:
    lifeline.poll(None)
    os._exit(1)


def _run(cell: Cell, progress: Progress) -> Told:
    limit_threads(cell.threads)
    try:
        scratch = cache_directory() / "unfinished" / cell.key
        return Told(record=run_cell(cell, progress, scratch))
    except KeyboardInterrupt:
        return Told(reason="interrupted")
    except (UserError, WorkError) as error:
        return Told(reason=str(error))
    except MemoryError:
        return Told(reason="out of memory")
    except Exception as error:  # noqa: BLE001 - a stranger's method may raise anything
        traceback.print_exc()
        return Told(reason=f"{type(error).__name__}: {error}".splitlines()[0])


def limit_threads(threads: int) -> None:
    """Give this process `threads` threads for its sums; 0 means one per core."""
    count = threads or os.cpu_count() or 1
    os.environ["OMP_NUM_THREADS"] = str(count)  # for libraries not loaded yet
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


def _reporter(orders: Connection) -> Progress:
    last = 0.0

    def report(fraction: float, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _INTERVAL:
            last = now
            orders.send(Told(fraction=float(fraction), note=str(note)))

    return report
