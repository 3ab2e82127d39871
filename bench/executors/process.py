"""A process in which cells run, as the process that started it sees it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from bench.executors import Failed, Finished, Progressed
from bench.executors.worker import serve
from bench.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

    from bench.cells import Cell
    from bench.executors.worker import Message

#: Signals to a cell over its time limit, and the seconds each is given to work.
_ESCALATION = ((signal.SIGINT, 10.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 1.0))
#: Seconds that an idle process has to end by itself.
_GRACE = 5.0
#: Seconds between two looks at whether a process still lives: one that has children of its own may
#: die without closing its connections.
_LOOK = 1.0
#: Characters of a cell's output that are kept.
_LOG_TAIL = 4000
#: Bytes of it read at a time.
_READ = 1 << 16


class CellProcess:
    """One process. It takes one cell at a time, and no other after one that failed.

    Args:
        gpu: the one it sees, as in CUDA_VISIBLE_DEVICES; None: those that this process sees.
    """

    def __init__(self, gpu: str | None = None) -> None:
        self.gpu = gpu
        self.cell: Cell | None = None
        context = get_context("spawn")  # a fork would copy locks held by threads
        self._orders, theirs = context.Pipe()
        self._output, output = context.Pipe(duplex=False)
        lifeline, self._lifeline = context.Pipe(duplex=False)
        self._theirs = (theirs, output, lifeline)
        self._process = context.Process(target=serve, args=(*self._theirs, gpu))
        self._log = b""
        self._signals = iter(_ESCALATION)
        self._deadline = 0.0
        self._grace_ends = 0.0
        self._over_time = False
        self._is_killed = False

    @property
    def is_free(self) -> bool:
        """Whether it can take a cell."""
        return self.cell is None and self._process.is_alive()

    @property
    def channels(self) -> list[Connection]:
        """What becomes readable when `receive` should be called."""
        return [c for c in (self._orders, self._output) if not c.closed]

    def begin(self, cell: Cell) -> None:
        """Hand the process a cell; the first one starts it.

        Raises:
            OSError: the system has no room for another process.
        """
        if self._process.pid is None:
            self._start()
        self.cell = cell
        self._read_output()
        self._log = b""
        self._deadline = time.monotonic() + 60 * cell.time_limit_minutes
        with suppress(OSError):  # it has died this moment, which `receive` will tell
            self._orders.send(cell)

    def patience(self) -> float:
        """Seconds after which `receive` should be called even if nothing becomes readable."""
        return min(_LOOK, max(0.0, self._deadline - time.monotonic()))

    def receive(self) -> Progressed | Finished | Failed | None:
        """What has become of the cell since the last call. Hurries one that takes too long."""
        cell = self.cell
        assert cell is not None  # noqa: S101 - only busy processes are asked
        self._read_output()
        message = self._next_message()
        if message is None or isinstance(message, tuple):
            self._hurry()
            return message and Progressed(cell, *message)
        if isinstance(message, str) or self._over_time:
            self._kill()  # whatever went wrong in there, it is not to spoil another cell
        self._read_output()
        self.cell = None
        if self._over_time:  # its record, if it has one, may be of a fit that was cut short
            message = f"over its time limit of {cell.time_limit_minutes:g} minutes"
        if isinstance(message, Record):
            return Finished(cell, message)
        return Failed(cell, message, self._log.decode(errors="replace")[-_LOG_TAIL:])

    def dismiss(self) -> None:
        """Have the process end by itself if it has no cell; `close` waits for that."""
        if self.is_free and not self._grace_ends:
            with suppress(OSError):  # it has ended meanwhile
                self._orders.send(None)
            self._grace_ends = time.monotonic() + _GRACE

    def close(self) -> None:
        """End the process, at once if it has a cell, and all that it has started."""
        self.dismiss()
        self._ends_within(self._grace_ends - time.monotonic())
        self._kill()
        for end in (self._orders, self._output, self._lifeline, *self._theirs):
            end.close()

    def _start(self) -> None:
        os.set_blocking(self._output.fileno(), False)
        with interrupts_blocked():  # a Ctrl-C at the terminal reaches it, too, and is not for it
            self._process.start()
        for end in self._theirs:
            end.close()

    def _ends_within(self, seconds: float) -> bool:
        """Wait for it; `join` would wait for ever if it has closed all its files and lives on."""
        latest = time.monotonic() + seconds
        while self._process.is_alive() and time.monotonic() < latest:
            time.sleep(0.01)
        return not self._process.is_alive()

    def _kill(self) -> None:
        if self._process.pid is None or self._is_killed:  # by now its number may be another's
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()  # which may have no group of its own yet
        self._process.join()
        self._is_killed = True

    def _next_message(self) -> Message | None:
        """None if there is none yet. A death is the message that tells of it."""
        alive = self._process.is_alive()  # asked first: what a dead process has sent is there now
        try:
            if self._orders.poll():
                message: Message = self._orders.recv()
                return message
        except Exception:  # noqa: BLE001 - closed, or the method has written garbage into it
            if not self._ends_within(_GRACE):
                return "its process no longer answers"
            alive = False
        return None if alive else _obituary(self._process.exitcode)

    def _hurry(self) -> None:
        """Send the next, stronger signal if the time has come."""
        pid = self._process.pid
        if time.monotonic() < self._deadline or pid is None or not self._process.is_alive():
            return
        self._over_time = True
        number, seconds = next(self._signals, _ESCALATION[-1])
        self._deadline = time.monotonic() + seconds
        os.kill(pid, number)

    def _read_output(self) -> None:
        """Take what was printed. Not without end: the process may print faster than this reads."""
        for _ in range(16):
            if self._output.closed:
                return
            try:
                data = os.read(self._output.fileno(), _READ)
            except BlockingIOError:
                return
            if not data:
                self._output.close()
            self._log = (self._log + data)[-4 * _LOG_TAIL :]


def run_alone(
    cell: Cell, tell: Callable[[Progressed], None], wanted: Callable[[], bool] = lambda: True
) -> Finished | Failed:
    """Run one cell in a process of its own, so that it takes no other down with it.

    Args:
        cell: what to run.
        tell: sees how far it is.
        wanted: asked every second; when it says no, the process is ended at once.
    """
    process = CellProcess()
    try:
        process.begin(cell)
        while wanted():
            wait(process.channels, timeout=process.patience())
            event = process.receive()
            if isinstance(event, Finished | Failed):
                return event
            if event:
                tell(event)
        return Failed(cell, "no longer wanted", "")
    finally:
        process.close()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Have processes that are started meanwhile leave a Ctrl-C at the terminal to this one."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _obituary(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        known = -exitcode in set(signal.Signals)
        name = signal.Signals(-exitcode).name if known else f"signal {-exitcode}"
        hint = ": out of memory?" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended with exit code {exitcode}"
