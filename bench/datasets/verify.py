"""Checking every byte of a dataset."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bench.methods import silent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.methods import Progress


def problems(expected: Mapping[Path, str], progress: Progress = silent) -> list[str]:
    """One line for each file that is missing or wrong.

    Args:
        expected: the sha256 that each file must have.
        progress: told how far the check is.
    """
    found = []
    for i, (file, sha256) in enumerate(expected.items()):
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            found.append(f"{file}: missing")
        except OSError as error:
            found.append(f"{file}: cannot be read: {error.strerror}")
        else:
            if hashlib.sha256(content).hexdigest() != sha256:
                found.append(f"{file}: wrong content")
        if i % 100 == 0:
            progress(i / len(expected), f"{i:,} files")
    progress(1, f"{len(expected):,} files")
    return found
