"""The MIDI files that a user names, one by one or by the folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SUFFIXES = {".mid", ".midi"}


def midi_files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files among `paths`, whatever they are called, and those in the folders among them.

    In the order of `paths`; the .mid and .midi files of one folder, at any depth, sorted by path.
    Links to nothing are among them: opening one will tell.

    Raises:
        UserError: none of `paths` is there; or a folder that holds none, or that has one inside
            that cannot be read.
    """
    reasons = [_why_absent(path) for path in paths]
    if paths and all(reasons):
        others = ", nor can any of the others" * (len(paths) > 1)
        raise UserError(f"{paths[0]}: cannot be read: {reasons[0]}{others}")
    for path in paths:
        if not _is_folder(path):
            yield path
            continue
        inside = sorted(p for p in _below(path) if p.suffix.lower() in _SUFFIXES and _is_file(p))
        if not inside:
            raise UserError(f"{path}: this folder holds no .mid or .midi file")
        yield from inside


def _why_absent(path: Path) -> str | None:
    try:
        path.stat()
    except (OSError, ValueError) as error:  # such as a name that no file can have
        return getattr(error, "strerror", None) or str(error)
    return None


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UserError(f"{error.filename}: cannot be read: {error.strerror}") from error

    for where, _, files in os.walk(folder, onerror=refuse):
        yield from (Path(where, name) for name in files)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() or (path.is_symlink() and not path.exists())
    except OSError:  # such as in a folder that may only be listed: opening it will tell
        return True


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long: opening it will tell
        return False
