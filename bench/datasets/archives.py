"""Zip archives of MIDI files that nobody vouches for; unpacking one by its manifest alone."""

from __future__ import annotations

import hashlib
import posixpath
import stat
import struct
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from bench.datasets.manifest import is_inside
from bench.errors import UserError
from bench.methods import silent

if TYPE_CHECKING:
    from pathlib import Path

    from bench.datasets.manifest import Manifest
    from bench.methods import Progress

#: More than any file of a dataset has (the largest: 28 kB), and small enough to keep in memory.
_LARGEST_FILE = 1 << 20

#: Bytes that the members tried may have together; a dataset has a hundredth of it.
_MOST_BYTES = 1 << 29

_LONGEST_PATH = 4096
_SHOWN = 80  # characters of a member's name in a message

#: bzip2 and LZMA, which zip archives may use too, unpack without a bound on what comes out.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

#: What `zipfile` raises on archives that are damaged, encrypted or made to deceive.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
)


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """The content of one member, in no more memory than twice the size that it declares.

    Raises:
        UNREADABLE: it cannot be unpacked; whatever `zipfile` makes of it.
    """
    if member.compress_type not in _METHODS:
        raise zipfile.BadZipFile("packed by another method than deflate")
    # `ZipFile.read` would unpack all there is before it cuts off what goes beyond the size.
    with archive.open(member) as file:
        return file.read(max(member.file_size, 1))


def unpack(archive: Path, manifest: Manifest, target: Path, progress: Progress = silent) -> None:
    """Write every file of `manifest` below the folder `target`, each checked by its sha256.

    A member is found by the end of its path, so the archive may have any folder around it. What
    the manifest does not name is ignored.

    Raises:
        UserError: not a zip archive; a member that would leave the folder it is unpacked to; files
            that are missing or have another content (the message names them); far too much to
            unpack.
    """
    with ExitStack() as stack:
        try:
            zipped = stack.enter_context(zipfile.ZipFile(archive))
            candidates = _candidates(zipped, archive, manifest)
        except FileNotFoundError as error:
            raise UserError(f"{archive}: there is no such file") from error
        except UNREADABLE as error:
            raise UserError(f"{archive}: not a readable zip archive: {error}") from error
        _unpack(zipped, candidates, archive, manifest, target, progress)


def _candidates(
    zipped: zipfile.ZipFile, archive: Path, manifest: Manifest
) -> dict[str, list[zipfile.ZipInfo]]:
    """The members that may be each file of the manifest."""
    candidates: dict[str, list[zipfile.ZipInfo]] = {file: [] for file in manifest.files}
    depth = max((file.count("/") + 1 for file in manifest.files), default=0)
    for member in zipped.infolist():
        if _escapes(zipped, member):
            raise UserError(
                f"{archive}: refused, because its member {member.filename[:_SHOWN]!r} would leave "
                "the folder that it is unpacked to"
            )
        parts = PurePosixPath(member.filename).parts[-depth:]
        for i in range(len(parts)):
            candidates.get("/".join(parts[i:]), []).append(member)
    n_bytes = sum(m.file_size for found in candidates.values() for m in found if _is_small(m))
    if n_bytes > _MOST_BYTES:
        raise UserError(f"{archive}: refused, because it unpacks to {n_bytes:,} bytes")
    return candidates


def _unpack(
    zipped: zipfile.ZipFile,
    candidates: dict[str, list[zipfile.ZipInfo]],
    archive: Path,
    manifest: Manifest,
    target: Path,
    progress: Progress,
) -> None:
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
    aim = read_member(zipped, member).decode(errors="replace")
    beside = posixpath.dirname(member.filename)
    return not is_inside(posixpath.normpath(posixpath.join(beside, aim)))


def _is_small(member: zipfile.ZipInfo) -> bool:
    return member.file_size <= _LARGEST_FILE


def _content(zipped: zipfile.ZipFile, members: list[zipfile.ZipInfo], sha256: str) -> bytes | None:
    """The content of the first member that has this digest."""
    for member in members:
        if not _is_small(member):
            continue
        try:
            content = read_member(zipped, member)
        except UNREADABLE:
            continue
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    return None
