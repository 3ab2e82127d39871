"""What happens in the process in which cells run, one after another."""

from __future__ import annotations

import faulthandler
import fcntl
import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from bench.errors import UserError, WorkError
from bench.execution import run_cell
from bench.machine import usable_cores
from bench.records import Record
from bench.scratch import scratch_folder

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from bench.cells import Cell
    from bench.methods import Progress

#: What a worker sends: how far it is, as a fraction and a note; or a cell's end, which is its
#: record or the reason why there is none.
Message = tuple[float, str] | Record | str

#: Seconds between two messages of one cell about its progress.
_INTERVAL = 0.2
_LONGEST_REASON = 500
_LONGEST_NOTE = 100


def serve(
    orders: Connection, output: Connection, lifeline: Connection, gpu: str | None = None
) -> None:
    """Run the cells that arrive until None or the other end's death.

    Args:
        orders: brings cells, takes a `Message`.
        output: takes what methods print.
        lifeline: nothing is ever sent; it closes when the parent dies, and this process with it.
        gpu: the one this process is to see, as CUDA_VISIBLE_DEVICES names it; None changes nothing.
    """
    if gpu is not None:  # CUDA looks only when it is first used
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.setsid()  # a Ctrl-C at the terminal is the parent's to handle
    _hear_interrupts()
    _die_with(lifeline)
    _print_to(output)
    sending = threading.Lock()  # a method may have threads, and leave them running
    while (cell := orders.recv()) is not None:
        end = attempt(cell, _reporter(orders, sending))
        with sending:
            orders.send(end)


def attempt(cell: Cell, progress: Progress) -> Record | str:
    """Run a cell. Whatever its method raises, there is an answer: one line that says why not."""
    limit_threads(cell.threads)
    try:
        with scratch_folder(cell.key) as scratch:
            return run_cell(cell, progress, scratch)
    except KeyboardInterrupt:
        return "interrupted"
    except (UserError, WorkError) as error:
        return _reason(error)
    except MemoryError:
        traceback.print_exc()
        return "out of memory"
    except Exception as error:  # noqa: BLE001 - a stranger's method may raise anything
        traceback.print_exc()
        return _reason(error)


def _reason(error: Exception) -> str:
    try:
        text = str(error).strip()
    except Exception:  # noqa: BLE001 - even here
        text = ""
    if not text or not isinstance(error, UserError | WorkError):
        text = f"{type(error).__name__}: {text}"
    return _short(text.splitlines()[0], _LONGEST_REASON)


def _short(text: str, length: int) -> str:
    """A stranger's text as one line that any file and terminal takes."""
    return "".join(c if c.isprintable() else " " for c in text[:length])


def limit_threads(threads: int) -> None:
    """Give this process `threads` threads for its sums; 0 means one per core."""
    count = threads or usable_cores()
    for library in ("OMP", "MKL", "OPENBLAS"):  # not loaded yet; the first does not bind the others
        os.environ[f"{library}_NUM_THREADS"] = str(count)
    from threadpoolctl import threadpool_limits

    threadpool_limits(count)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


def _hear_interrupts() -> None:
    """Begin to heed SIGINT, blocked so far; one that has come was not for this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _die_with(lifeline: Connection) -> None:
    """End this process, and those that it starts, as soon as the lifeline's other end closes.

    The system sends a signal, for a thread would have to wait for a method that is deep in
    compiled code and holds the interpreter's lock.
    """
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())  # minus: to the whole group
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if lifeline.poll():  # it had closed before
        os._exit(1)


def _print_to(output: Connection) -> None:
    """Send what is printed to `output`, line by line: a sudden end leaves the last words."""
    for descriptor in (1, 2):
        os.dup2(output.fileno(), descriptor)
    output.close()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = os.fdopen(descriptor, "w", 1, errors="backslashreplace", closefd=False)
        setattr(sys, name, stream)
    faulthandler.enable()


def _reporter(orders: Connection, sending: threading.Lock) -> Progress:
    last = 0.0

    def report(fraction: float, note: str = "") -> None:
        nonlocal last
        share = min(max(0.0, float(fraction)), 1.0)  # in this order, not-a-number is 0
        with sending:
            now = time.monotonic()
            if now - last >= _INTERVAL:
                last = now
                orders.send((share, _short(str(note), _LONGEST_NOTE)))

    return report
