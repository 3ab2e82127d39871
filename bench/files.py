"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from bench.errors import UserError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that no reader, and no crash, ever sees a part of it.

    Raises:
        UserError: the folder cannot be written; the message names it.
    """
    partial = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except OSError as error:
        if partial:
            Path(partial).unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
