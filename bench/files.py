"""Files that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that no reader, and no crash, ever sees a part of it.

    Raises:
        UserError: it cannot be written; the message names it, and nothing of it is left.
    """
    with writing_atomically(path) as file:
        file.write(data)


@contextmanager
def writing_atomically(path: Path) -> Iterator[IO[bytes]]:
    """A file to fill, which takes the place of `path` if the block ends well.

    A process that is killed in the block leaves what `partial_files` finds.

    Raises:
        UserError: it cannot be written; the message names it, and nothing of it is left.
    """
    partial = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if partial:  # still there only if something went wrong
            with suppress(OSError):
                Path(partial).unlink()


def check_writable(path: Path) -> None:
    """Tell before long work that its result cannot be written; makes nothing that stays.

    Raises:
        UserError: `path` is a folder, or where it should be no file can be made.
    """
    try:
        if path.is_dir():
            raise UserError(f"{path}: cannot be written: it is a folder")
        folder = next(parent for parent in path.absolute().parents if _is_there(parent))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # such as a name that is too long
        return False


def partial_files(path: Path) -> Iterator[Path]:
    """What killed processes have left of writing `path`; or others are writing it just now."""
    for file in path.parent.glob(".*"):
        if file.name.startswith(f".{path.name}."):
            yield file
