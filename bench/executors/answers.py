"""Where jobs of a cluster leave their answers: a folder for each cell in the cache.

An answer outlives the process that waits for it, and goes when its cell has a record. One process
at a time may wait for it, by a claim.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from bench.claims import Claims
from bench.errors import UserError
from bench.folders import cache_directory

if TYPE_CHECKING:
    from pathlib import Path


def answer_folder(key: str) -> Path:
    """Where the job of the cell of that key leaves its answer; it need not exist."""
    return _root() / key


def answer_claims() -> Claims:
    """Who waits for which cell's answer, by the cell's key."""
    return Claims(_root())


def forget_answer(key: str) -> None:
    """Remove what was left for a cell that has its record, unless another process waits for it."""
    folder = answer_folder(key)
    if not folder.exists():
        return
    claims = answer_claims()
    with suppress(UserError):  # the cache cannot be written
        if claim := claims.claim(key):
            shutil.rmtree(folder, ignore_errors=True)
            claim.release()
    claims.tidy()


def _root() -> Path:
    return cache_directory() / "slurm"
