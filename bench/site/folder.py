"""A folder of the site that is whole or not there, and never takes another's place."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names all other files of a site, so that nothing else is taken for one of them.
_LISTING = "files.txt"


@contextmanager
def replacing_site(folder: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of `folder` if the block ends well.

    Raises:
        UserError: the folder holds something that is not of such a site, or cannot be written.
    """
    folder = folder.resolve()
    _check_replaceable(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as scratch:
            fresh, old = Path(scratch, "new"), Path(scratch, "old")
            fresh.mkdir()
            yield fresh
            listing = "".join(f"{name}\n" for name in _files(fresh))
            (fresh / _LISTING).write_bytes(listing.encode())
            try:
                if folder.exists():
                    folder.rename(old)
                fresh.rename(folder)
            finally:
                if old.exists() and not folder.exists():  # an error, or Ctrl-C, in between
                    old.rename(folder)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _check_replaceable(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: is a file; name a folder with -o")
    own = {_LISTING, *_listed(folder)}
    foreign = next((name for name in _files(folder) if name not in own), None)
    if foreign:
        raise UserError(
            f"{folder}: holds {shown(foreign)!r}, which is not of a report; name another folder "
            "with -o"
        )


def _files(folder: Path) -> list[str]:
    """All files and links below a folder, as the listing names them."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _listed(folder: Path) -> list[str]:
    try:
        return (folder / _LISTING).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
