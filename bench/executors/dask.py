"""Cells on a Dask cluster, which may be other machines or jobs in the queue of one.

A task is a cell, run in a process of its own as `local` does it: a method that dies or hangs takes
no Dask worker with it. A task whose worker dies is run again on another one, and fails when it has
lost more workers than the scheduler allows (`distributed.scheduler.allowed-failures`, 3).
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import current_process
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from distributed import Client, KilledWorker, LocalCluster, Reschedule, get_worker
from distributed.core import Status
from distributed.utils import silence_logging_cmgr

from bench.errors import UserError, WorkError
from bench.executors import Failed, Finished, Progressed, Started
from bench.executors.process import run_alone

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from distributed import Future

    from bench.cells import Cell
    from bench.executors import Event

#: What workers report of a task: its key, how far it is, and a few words.
_Told = tuple[object, float, str]
#: The name under which they report it.
_TOPIC = "smer-bench"
#: Seconds between two looks at what has changed.
_LOOK = 0.2
#: Seconds that a scheduler has to answer.
_CONNECT = 15.0


@contextmanager
def connected(scheduler: str | None, jobs: int) -> Iterator[Client]:
    """A client of the scheduler at that address, such as "tcp://10.0.0.1:8786".

    Without an address, of a cluster in this process that runs `jobs` cells at once.

    Raises:
        UserError: no scheduler answers there.
    """
    with silence_logging_cmgr(logging.CRITICAL), ExitStack() as stack:  # what matters is an event
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=jobs,
                processes=False,  # each cell has its own
                memory_limit=None,  # likewise: there is nothing of a cell here to limit
                dashboard_address=None,
            )
            yield stack.enter_context(Client(stack.enter_context(cluster)))
            return
        try:
            client = Client(scheduler, timeout=_CONNECT)
        except (OSError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise UserError(f"--scheduler {scheduler}: no scheduler answers: {reason}") from None
        yield stack.enter_context(client)


@dataclass
class _Task:
    cell: Cell
    future: Future[Finished | Failed]
    started: bool = False


class DaskExecutor:
    """Sends cells to a Dask cluster.

    Args:
        client: of the cluster. The workers need this package and the data, in the same versions.
        jobs: cells at once; None: as many as the workers have threads, however many there come to
            be, which asks no cluster to grow.
    """

    def __init__(self, client: Client, jobs: int | None = None) -> None:
        self.client = client
        self.jobs = jobs

    def __str__(self) -> str:
        return (
            f"{self.jobs} at a time, with Dask" if self.jobs else "with Dask, one cell per thread"
        )

    def run(self, cells: Iterator[Cell]) -> Generator[Event, None, None]:
        """See `Executor.run`.

        Raises:
            WorkError: the scheduler is gone; every cell taken has been told of.
        """
        told: SimpleQueue[_Told] = SimpleQueue()
        self.client.subscribe_topic(_TOPIC, lambda event: told.put(event[1]))
        tasks: dict[object, _Task] = {}
        try:
            yield from self._run(cells, tasks, told)
        finally:
            with suppress(Exception):  # the scheduler may be gone, and so are the tasks
                self.client.cancel([task.future for task in tasks.values()])

    def _run(
        self,
        cells: Iterator[Cell],
        tasks: dict[object, _Task],
        told: SimpleQueue[_Told],
    ) -> Iterator[Event]:
        more, lost = True, False
        while True:
            lost = lost or self.client.status != "running"
            while more and not lost and len(tasks) < self._room():
                cell = next(cells, None)
                more = cell is not None
                if cell is not None:
                    future = self.client.submit(_run_cell, cell, pure=False)
                    tasks[future.key] = _Task(cell, future)
            if not tasks and not more:
                return
            if not tasks and lost:
                raise WorkError("the Dask scheduler is gone; the same command goes on from here")
            yield from _progress(tasks, told)
            for key, task in list(tasks.items()):
                if end := _end(task):
                    del tasks[key]
                    yield from _begun(task)
                    yield end
            time.sleep(_LOOK)

    def _room(self) -> int:
        try:
            return self.jobs or max(1, sum(self.client.nthreads().values()))
        except OSError:  # the scheduler is gone, as the client's status will soon say
            return 0


def _progress(tasks: dict[object, _Task], told: SimpleQueue[_Told]) -> Iterator[Event]:
    """What workers have told since the last call; other runs' tasks are left alone."""
    with suppress(Empty):
        while True:
            key, fraction, note = told.get_nowait()
            if task := tasks.get(key):
                yield from _begun(task)
                yield Progressed(task.cell, fraction, note)


def _begun(task: _Task) -> Iterator[Started]:
    if not task.started:
        task.started = True
        yield Started(task.cell)


def _end(task: _Task) -> Finished | Failed | None:
    if not task.future.done():
        return None
    try:
        return replace(task.future.result(timeout=_LOOK), cell=task.cell)
    except TimeoutError:
        return None  # its worker died with the answer, and the task is run again
    except CancelledError:
        reason = "Dask: the scheduler is gone, or someone has cancelled the task there"
    except KilledWorker as error:
        reason = f"its Dask worker died, and {error.allowed_failures} more that tried it again"
    except Exception as error:  # noqa: BLE001 - whatever may happen to Dask on another machine
        reason = f"Dask: {type(error).__name__}: {error}".partition("\n")[0]
    return Failed(task.cell, reason, "")


def _run_cell(cell: Cell) -> Finished | Failed:
    """Run a cell; called on a worker.

    Raises:
        Reschedule: the worker closes, and another one is to run the cell.
    """
    # Dask marks its workers as processes that may have no children, lest these outlive them. Ours
    # do not.
    current_process().daemon = False
    worker = get_worker()
    key = worker.get_current_task()

    def tell(event: Progressed) -> None:
        worker.log_event(_TOPIC, (key, event.fraction, event.note))

    def is_wanted() -> bool:
        """Not when it was cancelled, its client has died, or the worker is closing."""
        task = worker.state.tasks.get(key)
        there = worker.status not in (Status.closing, Status.closed)
        return there and task is not None and task.state != "cancelled"

    tell(Progressed(cell, 0.0, ""))
    end = run_alone(cell, tell, is_wanted)
    if isinstance(end, Failed) and not is_wanted():
        raise Reschedule
    return end
