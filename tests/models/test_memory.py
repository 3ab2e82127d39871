from __future__ import annotations

import subprocess
import sys

import pytest

#: Frees every second one of many arrays, so that what is free lies in pieces.
PROGRAM = """
import resource
from pathlib import Path

import numpy as np

from models.memory import keep_freed_memory, return_freed_memory


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


keep_freed_memory()
arrays = [np.ones(1 << 17) for _ in range(200)]
del arrays[::2]
kept = resident()
return_freed_memory()
print(kept - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_freed_memory_is_kept_until_it_is_returned() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) > 90 << 20
