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
    if not (libc := _glibc()):
        return
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TOP_PAD, _GROW_BY)


def return_freed_memory() -> None:
    """Hand what is kept back to the system, once.

    Called now and then, it bounds what arrays of ever-changing sizes leave fragmented.
    """
    if libc := _glibc():
        libc.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
