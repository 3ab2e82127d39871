"""What of this machine a process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Cores that this process may run on: on a shared node fewer than there are."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
