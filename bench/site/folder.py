"""A folder of the site that is whole or not there, and never takes another's place."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Stands in every page, and distinguishes a folder of ours from another's.
MARK = '<meta name="generator" content="smer-bench">'
#: Folders below the site; beside them lie pages and nothing else.
FOLDERS = ("assets", "data", "figures")


@contextmanager
def replacing_site(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` if the block ends well.

    Raises:
        UserError: the folder holds something that is no site of ours, or cannot be written.
    """
    folder = folder.resolve()
    _check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            fresh, old = Path(scratch, "new"), Path(scratch, "old")
            fresh.mkdir()
            yield fresh
            if folder.exists():
                folder.rename(old)
            try:
                fresh.rename(folder)
            except OSError:
                if old.exists():
                    old.rename(folder)
                raise
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _check_replaceable(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a folder with -o")
    present = sorted(path.name for path in folder.iterdir())
    if not present:
        return
    foreign = [name for name in present if name not in FOLDERS and not name.endswith(".html")]
    if not foreign and not _is_marked(folder / "index.html"):
        foreign = present
    if foreign:
        raise UserError(
            f"{folder}: holds {foreign[0]!r}, which is not of a report; name another folder with -o"
        )


def _is_marked(page: Path) -> bool:
    try:
        return MARK in page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
