"""Files that are whole or not there."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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

    A link to a file, or to nothing, is replaced, not followed: in others' records it may lead
    anywhere. What is no file stays: nothing may take the place of a device or a pipe.
    A process that is killed in the block leaves what `partial_files` finds.

    Raises:
        UserError: it cannot be written; the message names it, and nothing of it is left.
    """
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        with _writing(path):
            _check_place(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("xb") as file:  # with the mode that the user's umask gives
                yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
    finally:
        with suppress(OSError):  # still there only if something went wrong
            partial.unlink()


def check_writable(path: Path) -> None:
    """Fail before long work if its result cannot be written; makes nothing that stays.

    Raises:
        UserError: `path` is there and no file, or where it should be no file can be made.
    """
    with _writing(path):
        _check_place(path)
        _try_writing(path.parent)


def check_folder_writable(folder: Path) -> None:
    """Fail before long work if no file can be made in a folder; makes nothing that stays.

    One that does not exist yet is judged by the nearest folder above it that does.

    Raises:
        UserError: no file can be made there.
    """
    with _writing(folder):
        _try_writing(folder)


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise UserError(f"{path}: cannot be written: it is a folder")
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: cannot be written: it is a device or a pipe, name a file")


def _try_writing(folder: Path) -> None:
    absolute = folder.absolute()
    there = next(path for path in (absolute, *absolute.parents) if os.path.lexists(path))
    with tempfile.TemporaryFile(dir=there):
        pass


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn what the system says into a line that names the path."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def partial_files(path: Path) -> Iterator[Path]:
    """What killed processes have left of writing `path`; or others are writing it just now."""
    for file in path.parent.glob(".*"):
        if file.name.startswith(f".{path.name}."):
            yield file
