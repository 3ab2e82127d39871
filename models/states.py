"""States of unfinished runs: written in one stroke, and read only where no bit has changed."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import UserError
from bench.files import partial_files, writing_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write_state(file: Path, state: Mapping[str, Any]) -> None:
    """Replace a state by another.

    Raises:
        UserError: it cannot be written; the old one, if any, is still there.
    """
    try:
        with writing_atomically(file) as opened:
            torch.save(dict(state), opened)
    except RuntimeError as error:  # torch's word for a full disk
        raise UserError(f"{file}: cannot be written: {str(error).splitlines()[0]}") from error


def read_state(file: Path) -> dict[str, Any] | None:
    """What `write_state` wrote, on the CPU; None if nothing did.

    Raises:
        ValueError: the file is damaged, or something else.
    """
    for partial in partial_files(file):  # of a process that was killed
        partial.unlink(missing_ok=True)
    if not file.exists():
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            whole = archive.testzip() is None  # torch does not look at the checksums
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises nearly anything on a damaged file
        raise ValueError(f"{file}: damaged") from error
    if not whole or not isinstance(state, dict):
        raise ValueError(f"{file}: damaged")
    return state
