"""Cells on this machine, in a pool of processes that each run many."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING

from bench.executors import Event, Failed, Finished, Progressed, Started
from bench.executors.worker import Told, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.cells import Cell

#: Signals to a cell over its time limit, and the seconds each is given to work.
_ESCALATION = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 0.0))
_LOG_TAIL = 4000


class LocalExecutor:
    """A pool of `jobs` processes. A process that dies takes one cell with it, and is replaced."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(self, cells: Iterator[Cell]) -> Iterator[Event]:
        """See `Executor.run`."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smer-bench-")))
            workers: list[_Worker] = []
            stack.callback(_close, workers)
            more = True
            while True:
                while more and sum(worker.cell is not None for worker in workers) < self.jobs:
                    cell = next(cells, None)
                    more = cell is not None
                    if cell is not None:
                        _idle(workers, folder).begin(cell)
                        yield Started(cell)
                busy = [worker for worker in workers if worker.cell]
                if not busy:
                    return
                ready = wait([w.orders for w in busy], timeout=min(w.patience() for w in busy))
                for worker in busy:
                    if worker.orders in ready:
                        yield worker.receive()
                    else:
                        worker.hurry()


def _idle(workers: list[_Worker], folder: Path) -> _Worker:
    """A process without a cell: one of the pool, or a new one in the place of one that died."""
    workers[:] = [worker for worker in workers if worker.alive]
    for worker in workers:
        if worker.cell is None:
            return worker
    workers.append(_Worker(folder))
    return workers[-1]


def _close(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.close()


class _Worker:
    """One process of the pool, as its parent sees it."""

    def __init__(self, folder: Path) -> None:
        context = get_context("spawn")  # a fork would copy locks held by threads
        self.orders, theirs = context.Pipe()
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._log = Path(tempfile.mkstemp(dir=folder, suffix=".log")[1])
        self._process = context.Process(target=serve, args=(theirs, lifeline, self._log))
        self._process.start()
        theirs.close()
        lifeline.close()
        self.cell: Cell | None = None
        self.alive = True
        self._signals = iter(_ESCALATION)
        self._deadline = 0.0
        self._over_time = False

    def begin(self, cell: Cell) -> None:
        """Hand the process a cell."""
        self.cell = cell
        self._signals = iter(_ESCALATION)
        self._over_time = False
        self._deadline = time.monotonic() + 60 * cell.time_limit_minutes
        self.orders.send(cell)

    def receive(self) -> Event:
        """The event that the process has sent, or that its death is."""
        cell = self.cell
        assert cell is not None  # noqa: S101 - only busy workers are asked
        try:
            told: Told = self.orders.recv()
        except (EOFError, OSError):
            self._process.join()
            self.alive = False
            told = Told(reason=_obituary(self._process.exitcode))
        if told.record is None and not told.reason:
            return Progressed(cell, told.fraction, told.note)
        self.cell = None
        if told.record is not None:
            return Finished(cell, told.record)
        reason = told.reason
        if self._over_time:
            reason = f"over its time limit of {cell.time_limit_minutes:g} minutes"
        return Failed(cell, reason, self._log.read_text(errors="replace")[-_LOG_TAIL:])

    def patience(self) -> float:
        """Seconds until something must be done about a cell that takes too long."""
        return max(0.0, self._deadline - time.monotonic())

    def hurry(self) -> None:
        """Send the next, stronger signal if the time has come."""
        if time.monotonic() < self._deadline or self._process.pid is None:
            return
        self._over_time = True
        number, seconds = next(self._signals, _ESCALATION[-1])
        self._deadline = time.monotonic() + (seconds or 1.0)
        os.kill(self._process.pid, number)

    def close(self) -> None:
        """End the process, at once if it is busy."""
        if self.cell is not None:
            self._process.kill()
        else:
            with suppress(OSError):  # it may have died already
                self.orders.send(None)
        self._process.join()
        self.orders.close()
        self._lifeline.close()


def _obituary(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ": out of memory?" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended with exit code {exitcode}"
