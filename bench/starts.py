"""Checkpoints that a method starts from, as files: which one a setting names, and its content.

The setting `start` is the name of a checkpoint that comes with the method's package, the path of a
file, or "none". A checkpoint counts by its content alone: the same weights elsewhere, or under
another name, are the same start.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.names import pick

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.registry import MethodEntry

#: The setting, and the entry of a record's details.
START = "start"
#: What users write for no checkpoint. A cell's settings then have no `START`.
RANDOM_WEIGHTS = ("", "none")
#: What a checkpoint's `exposure` says: that it may have seen valid or test clips, or has not.
TRANSDUCTIVE, INDUCTIVE = "transductive", "inductive"


def shipped_starts(place: str) -> dict[str, Path]:
    """The checkpoints of a `MethodEntry.start`, "package:pattern", by name; imports no package.

    Only the package around the last one in a dotted name is imported, as Python needs it.

    Raises:
        UserError: there is no such package, or the one around it cannot be imported.
    """
    package, _, pattern = place.partition(":")
    try:
        spec = importlib.util.find_spec(package)
    except Exception as error:  # a stranger's code may fail in any way
        raise UserError(
            f"start {place!r}: {package!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if spec is None or spec.origin is None:
        raise UserError(f"{package}: no such package, so no checkpoint in it")
    before, _, after = pattern.rpartition("/")[2].partition("{}")
    return {
        file.name.removeprefix(before).removesuffix(after): file
        for file in sorted(Path(spec.origin).parent.glob(pattern.replace("{}", "*")))
        if file.is_file() and file.suffix != ".py"
    }


def find_start(place: str, name: str) -> Path:
    """The file that the setting `start` names.

    Args:
        place: a `MethodEntry.start`.
        name: the setting, not one of `RANDOM_WEIGHTS`.

    Raises:
        UserError: there is no such checkpoint; the message names the nearest.
    """
    if os.sep not in name:
        known = shipped_starts(place)
        # Such as "mine.safetensors" in this folder, if it is not what a shipped one is called.
        if name in known or not Path(name).suffix:
            return known[pick(name, known, "checkpoint")]
    path = Path(name)
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    return path


def sha256_of(path: Path) -> str:
    """The digest of a checkpoint's bytes.

    Raises:
        UserError: it cannot be read.
    """
    try:
        stat = path.stat()
        return _sha256(path, stat.st_mtime_ns, stat.st_size)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


@lru_cache(maxsize=64)
def _sha256(path: Path, changed: int, size: int) -> str:
    del changed, size  # a file that was replaced is read again
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def by_content(method: MethodEntry, settings: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's settings with the start, if there is one, given by its content.

    Raises:
        UserError: there is no such checkpoint.
    """
    if START not in settings or not method.start:
        return dict(settings)
    start = find_start(method.start, str(settings[START]))
    return {**settings, START: f"sha256:{sha256_of(start)}"}
