"""Running what a plan still lacks, and keeping every result as it comes."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.execution import check_settings
from bench.executors import Failed, Finished

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from filelock import FileLock

    from bench.cells import Cell
    from bench.executors import Event, Executor
    from bench.store import Store

#: Seconds between two looks at a cell that another process is running.
_WAIT = 1.0


@dataclass
class Outcome:
    """What came of a run."""

    finished: list[Cell] = field(default_factory=list)
    failed: list[tuple[Cell, str]] = field(default_factory=list)
    #: Cells finished by another `bench run` on the same folder meanwhile.
    elsewhere: list[Cell] = field(default_factory=list)
    interrupted: bool = False


def pending(store: Store, cells: Sequence[Cell], *, retry_failed: bool = False) -> list[Cell]:
    """The cells that have no record yet, each once; with `retry_failed` only those that failed."""
    unique = {cell.key: cell for cell in cells}.values()
    lacking = [cell for cell in unique if not store.is_done(cell)]
    return [cell for cell in lacking if store.has_failed(cell)] if retry_failed else lacking


def run_cells(
    store: Store, cells: Sequence[Cell], executor: Executor, tell: Callable[[Event], None]
) -> Outcome:
    """Run cells and write their records; a failed one does not stop the others.

    One interrupt (Ctrl-C) starts nothing new and lets running cells finish; a second ends them.

    Args:
        store: where records and failures go.
        cells: what to run; see `pending`.
        executor: where to run it.
        tell: sees every event after its result has been written.

    Raises:
        UserError: a setting no method has, or a folder that cannot be written; before any work.
    """
    for cell in {(c.method.name, *c.settings): c for c in cells}.values():
        check_settings(cell)
    store.check_writable()
    outcome = Outcome()
    claims: dict[str, FileLock] = {}
    waiting = list(cells)
    with _patient_interrupts(outcome):
        while waiting and not outcome.interrupted:
            left: list[Cell] = []
            for event in executor.run(_claimed(store, waiting, left, claims, outcome)):
                if isinstance(event, Finished):
                    store.write(event.cell, event.record)
                    outcome.finished.append(event.cell)
                elif isinstance(event, Failed):
                    store.write_failure(event.cell, event.reason, event.log)
                    outcome.failed.append((event.cell, event.reason))
                if isinstance(event, Finished | Failed):
                    claims.pop(event.cell.key).release()
                tell(event)
            waiting = left
            if waiting:
                time.sleep(_WAIT)
    return outcome


def _claimed(
    store: Store,
    cells: Sequence[Cell],
    left: list[Cell],
    claims: dict[str, FileLock],
    outcome: Outcome,
) -> Iterator[Cell]:
    """The cells this process may run; those that another one is running go to `left`."""
    for cell in cells:
        if outcome.interrupted:
            return
        lock = store.claim(cell)
        if lock is None:
            left.append(cell)
        elif store.is_done(cell):
            lock.release()
            outcome.elsewhere.append(cell)
        else:
            claims[cell.key] = lock
            yield cell


@contextmanager
def _patient_interrupts(outcome: Outcome) -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if outcome.interrupted:
            raise KeyboardInterrupt
        outcome.interrupted = True

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def default_jobs(cells: Sequence[Cell]) -> int:
    """As many cells at once as the cores allow, given the threads each takes."""
    cores = os.cpu_count() or 1
    threads = max((cell.threads or cores for cell in cells), default=1)
    return max(1, min(len(cells), cores // threads))
