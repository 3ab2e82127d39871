"""Waiting for what other processes do, never without an end."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def soon(condition: Callable[[], object], seconds: float = 300) -> bool:
    """Whether something becomes true in that time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return bool(condition())


def wait_for(path: Path) -> None:
    """Until a file is there; its content may be yet to come."""
    assert soon(path.exists), f"{path} does not come"


def text_of(path: Path) -> str:
    """The text of a file, as soon as there is some; all of it where it is written at once."""
    assert soon(lambda: path.exists() and path.stat().st_size), f"{path} does not come"
    return path.read_text()


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet asked for its exit code does not."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def ended(*pids: int) -> bool:
    """Whether these processes end, soon and with no more done to end them."""
    return soon(lambda: not any(map(is_alive, pids)), seconds=20)
