"""Memory that is kept: on the CPU each step allocates what the one before it freed."""

from __future__ import annotations

import ctypes
from functools import cache

# From glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_NEVER = -1
_GROW_BY = 64 << 20  # bytes


@cache
def keep_freed_memory() -> None:
    """Have malloc keep what is freed for later, in this process from now on.

    By default glibc hands large freed arrays back to the system, and each page comes anew, zeroed,
    at the next step. A training step at lite size asks for some 50,000 pages; on a busy virtual
    machine they took over 4 s of system time. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_TRIM_THRESHOLD, _NEVER)
    mallopt(_MMAP_MAX, 0)
    mallopt(_TOP_PAD, _GROW_BY)
