"""Cells on this machine, in a pool of processes that each run many."""

from __future__ import annotations

from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from bench.executors import Failed, Started
from bench.executors.process import CellProcess

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from bench.cells import Cell
    from bench.executors import Event


class LocalExecutor:
    """A pool of `jobs` processes. A process that dies takes one cell with it, and is replaced.

    With `gpus`, names as in CUDA_VISIBLE_DEVICES, each process sees one of them alone; they have
    equal shares of the processes.
    """

    def __init__(self, jobs: int, gpus: Sequence[str] = ()) -> None:
        self.jobs = jobs
        self.gpus = gpus

    def __str__(self) -> str:
        return f"{self.jobs} at a time"

    def run(self, cells: Iterator[Cell]) -> Generator[Event, None, None]:
        """See `Executor.run`."""
        pool: list[CellProcess] = []
        try:
            yield from self._run(cells, pool)
        finally:
            for process in pool:  # which end side by side
                process.dismiss()
            for process in pool:
                process.close()

    def _run(self, cells: Iterator[Cell], pool: list[CellProcess]) -> Iterator[Event]:
        while True:
            busy = [process for process in pool if process.cell]
            while len(busy) < self.jobs and (cell := next(cells, None)):
                yield Started(cell)
                try:
                    process = self._free_one(pool)
                    process.begin(cell)
                    busy.append(process)
                except OSError as error:
                    yield Failed(cell, f"no process could be started: {error.strerror}", "")
            if not busy:
                return
            channels = [channel for process in busy for channel in process.channels]
            wait(channels, timeout=min(process.patience() for process in busy))
            for process in busy:
                if event := process.receive():
                    yield event

    def _free_one(self, pool: list[CellProcess]) -> CellProcess:
        """A process without a cell: one of the pool, or a new one in the place of one that died."""
        for process in [p for p in pool if not p.cell and not p.is_free]:
            pool.remove(process)
            process.close()
        for process in pool:
            if process.is_free:
                return process
        taken = [process.gpu for process in pool]
        pool.append(CellProcess(min(self.gpus, key=taken.count, default=None)))
        return pool[-1]
