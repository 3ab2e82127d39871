"""Unpacking an archive of MIDI files that nobody vouches for: what counts is the manifest alone."""

from __future__ import annotations

import hashlib
import posixpath
import stat
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bench.datasets.manifest import is_inside
from bench.errors import UserError
from bench.methods import silent

if TYPE_CHECKING:
    from pathlib import Path

    from bench.datasets.manifest import Manifest
    from bench.methods import Progress

#: More than any MIDI file of a dataset has (the largest: 28 kB), and little enough to hold.
_LARGEST_FILE = 1 << 20

_LONGEST_PATH = 4096


def unpack(archive: Path, manifest: Manifest, target: Path, progress: Progress = silent) -> None:
    """Write every file of `manifest` below the folder `target`, each checked by its sha256.

    A member is found by the end of its path, so the archive may have any folder around it. What
    the manifest does not name is ignored.

    Raises:
        UserError: not a zip archive; a member that would leave the folder it is unpacked to; files
            that are missing or have another content (the message names them).
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            _unpack(zipped, archive, manifest, target, progress)
    except zipfile.BadZipFile as error:
        raise UserError(f"{archive}: not a readable zip archive: {error}") from error
    except FileNotFoundError as error:
        raise UserError(f"{archive}: there is no such file") from error


def _unpack(
    zipped: zipfile.ZipFile, archive: Path, manifest: Manifest, target: Path, progress: Progress
) -> None:
    candidates: dict[str, list[zipfile.ZipInfo]] = {file: [] for file in manifest.files}
    for member in zipped.infolist():
        if _escapes(zipped, member):
            raise UserError(
                f"{archive}: refused, because its member {member.filename!r} would leave the "
                "folder that it is unpacked to"
            )
        parts = PurePosixPath(member.filename).parts
        for i in range(len(parts)):
            candidates.get("/".join(parts[i:]), []).append(member)

    bad = []
    for i, (file, row) in enumerate(manifest.files.items()):
        content = _content(zipped, candidates[file], row.sha256)
        if content is None:
            bad.append(f"{file} ({'wrong content' if candidates[file] else 'missing'})")
            continue
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        if i % 100 == 0:
            progress(i / len(manifest.files), f"{i:,} files")
    if bad:
        more = f", and {len(bad) - 5:,} more" if len(bad) > 5 else ""
        raise UserError(
            f"{archive}: {len(bad):,} of {len(manifest.files):,} files are not those of "
            f"{manifest.name} {manifest.version}: {', '.join(bad[:5])}{more}; nothing was unpacked"
        )
    progress(1, f"{len(manifest.files):,} files")


def _escapes(zipped: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    if not is_inside(member.filename):
        return True
    if not stat.S_ISLNK(member.external_attr >> 16):
        return False
    if member.file_size > _LONGEST_PATH:
        return True
    aim = zipped.read(member).decode(errors="replace")
    beside = posixpath.dirname(member.filename)
    return not is_inside(posixpath.normpath(posixpath.join(beside, aim)))


def _content(zipped: zipfile.ZipFile, members: list[zipfile.ZipInfo], sha256: str) -> bytes | None:
    """The content of the first member that has this digest."""
    for member in members:
        if member.file_size > _LARGEST_FILE:
            continue
        try:
            content = zipped.read(member)  # never more than its declared size
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError):
            continue  # damaged, encrypted, or packed in a way that is not supported
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    return None
