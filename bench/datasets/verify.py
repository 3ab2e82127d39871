"""Checking every byte of a dataset."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bench.methods import silent

if TYPE_CHECKING:
    from pathlib import Path

    from bench.datasets.manifest import Manifest
    from bench.methods import Progress


def problems(manifest: Manifest, folder: Path, progress: Progress = silent) -> list[str]:
    """What is wrong with the files below `folder`: one line for each that is missing or wrong."""
    found = []
    for i, (file, row) in enumerate(manifest.files.items()):
        try:
            content = (folder / file).read_bytes()
        except FileNotFoundError:
            found.append(f"{file}: missing")
        except OSError as error:
            found.append(f"{file}: cannot be read: {error.strerror}")
        else:
            if hashlib.sha256(content).hexdigest() != row.sha256:
                found.append(f"{file}: wrong content")
        if i % 100 == 0:
            progress(i / len(manifest.files))
    progress(1)
    return found
