"""Running what a plan still lacks, and keeping every result as it comes."""

from __future__ import annotations

import signal
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.execution import check_settings
from bench.executors import Failed, Finished, Returned, Started
from bench.executors.answers import forget_answer
from bench.scratch import forget, forget_abandoned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import FrameType

    from bench.cells import Cell
    from bench.claims import Claim
    from bench.executors import Event, Executor
    from bench.store import Store

#: Seconds between two looks at a cell that another process is running.
_WAIT = 1.0


@dataclass
class Outcome:
    """What came of a run."""

    finished: list[Cell] = field(default_factory=list)
    #: Cells that have no record, and why; some may have failed in another run meanwhile.
    failed: list[tuple[Cell, str]] = field(default_factory=list)
    #: Cells finished by another `bench run` on the same folder meanwhile.
    elsewhere: list[Cell] = field(default_factory=list)
    interrupted: bool = False


def pending(store: Store, cells: Sequence[Cell], *, retry_failed: bool = False) -> list[Cell]:
    """The cells that have no record yet, each once; with `retry_failed` only those that failed."""
    unique = {cell.key: cell for cell in cells}.values()
    lacking = [cell for cell in unique if not store.is_done(cell)]
    return [cell for cell in lacking if store.has_failed(cell)] if retry_failed else lacking


def check_all_settings(cells: Iterable[Cell]) -> None:
    """Tell of settings that do not fit their method; each is made once with each of its settings.

    Raises:
        UserError: see `bench.execution.check_settings`.
    """
    for cell in {(c.method.name, repr(c.settings)): c for c in cells}.values():
        check_settings(cell)


def sweep(store: Store, cells: Sequence[Cell]) -> None:
    """Remove what killed runs have left: claims; states, and jobs' answers, of cells now done."""
    for cell in cells:
        if store.is_done(cell):
            forget(cell.key)
            forget_answer(cell.key)
    forget_abandoned()
    store.tidy()


def run_cells(
    store: Store,
    cells: Sequence[Cell],
    executor: Executor,
    tell: Callable[[Event], None],
    interrupted: Callable[[], None] = lambda: None,
) -> Outcome:
    """Run cells and write their records; a failed one does not stop the others.

    One interrupt (Ctrl-C) starts nothing new and lets running cells finish; a second ends them.

    Args:
        store: where records and failures go.
        cells: what to run; see `pending`.
        executor: where to run it.
        tell: sees every event after its result has been written.
        interrupted: called at the first interrupt, from a signal handler.

    Raises:
        UserError: the store's folder cannot be written.
        KeyboardInterrupt: at the second interrupt. What has its record keeps it.
    """
    store.check_writable()
    run = _Run(store, cells, tell)
    with _patient_interrupts(run.outcome, interrupted):
        try:
            run.all_with(executor)
        finally:
            run.end()
    return run.outcome


class _Run:
    """One call of `run_cells`."""

    def __init__(self, store: Store, cells: Sequence[Cell], tell: Callable[[Event], None]) -> None:
        self.outcome = Outcome()
        self._store = store
        self._tell = tell
        self._waiting = list(cells)
        self._claims: dict[str, Claim] = {}
        self._failed_before = {cell.key: store.failure_stamp(cell) for cell in cells}

    def all_with(self, executor: Executor) -> None:
        """Run the cells; those that another run has claimed are looked at again and again."""
        while self._waiting and not self.outcome.interrupted:
            cells, self._waiting = self._waiting, []
            with closing(executor.run(self._claimed(cells))) as events:
                for event in events:
                    self._take(event)
            if self._waiting:
                time.sleep(_WAIT)

    def end(self) -> None:
        """Let others have what was claimed and not done."""
        for claim in self._claims.values():
            claim.release()
        self._store.tidy()

    def _claimed(self, cells: Sequence[Cell]) -> Iterator[Cell]:
        """The cells this process may run; those that another one is running go on waiting."""
        for cell in cells:
            if self.outcome.interrupted:
                return
            try:
                claim = self._store.claim(cell)
            except UserError as error:  # a full disk, say: the cells that run may go on
                self._tell(Started(cell))
                self._take(Failed(cell, str(error), ""))
                continue
            if claim is None:
                self._waiting.append(cell)
                continue
            self._claims[cell.key] = claim
            if self._store.is_done(cell):
                self.outcome.elsewhere.append(cell)
                self._release(cell)
            elif self._store.failure_stamp(cell) not in (None, self._failed_before[cell.key]):
                failure = self._store.failure(cell)
                self.outcome.failed.append((cell, failure.reason))
                self._release(cell)
                self._tell(Started(cell))
                self._tell(Failed(cell, failure.reason, failure.log))
            else:
                yield cell

    def _take(self, event: Event) -> None:
        if isinstance(event, Returned):
            self._waiting.append(event.cell)
            self._release(event.cell)
            return
        if isinstance(event, Finished):
            try:
                self._store.write(event.cell, event.record)
            except UserError as error:  # a full disk, say; what can be gone on from is kept
                event = Failed(event.cell, str(error), "")
            else:
                forget(event.cell.key)
                forget_answer(event.cell.key)
                self.outcome.finished.append(event.cell)
        if isinstance(event, Failed):
            with suppress(UserError):  # if it cannot be written either, it is told all the same
                self._store.write_failure(event.cell, event.reason, event.log)
            self.outcome.failed.append((event.cell, event.reason))
        if isinstance(event, Finished | Failed):
            self._release(event.cell)
        self._tell(event)

    def _release(self, cell: Cell) -> None:
        if claim := self._claims.pop(cell.key, None):
            claim.release()


@contextmanager
def _patient_interrupts(outcome: Outcome, told: Callable[[], None]) -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        if outcome.interrupted:
            raise KeyboardInterrupt
        outcome.interrupted = True
        told()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
