"""Pools of processes, as scripts of users start them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

_UNGUARDED = """
from bench.processes import process_pool

def square(number):
    return number * number

with process_pool(2) as pool:
    print(list(pool.map(square, range(5))))
"""

_KILLED = """
import os, time
from bench.processes import process_pool

def work(_):
    print(os.getpid(), flush=True)
    time.sleep(60)

with process_pool(1) as pool:
    list(pool.map(work, [0]))
"""


def test_a_script_needs_no_guard_and_no_file() -> None:
    told = subprocess.run(
        [sys.executable, "-W", "error"],
        input=_UNGUARDED,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, "[0, 1, 4, 9, 16]\n", "")


def test_a_process_ends_with_the_one_that_started_it() -> None:
    with subprocess.Popen([sys.executable, "-c", _KILLED], stdout=subprocess.PIPE) as script:
        assert script.stdout is not None
        worker = int(script.stdout.readline())
        script.kill()
        try:
            script.communicate(timeout=30)  # ends when no process holds the output any more
        except subprocess.TimeoutExpired:
            os.kill(worker, signal.SIGKILL)
            raise
