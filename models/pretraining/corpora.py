"""Folders and archives of MIDI files, read file by file; nothing is ever unpacked to disk.

Nobody vouches for these files. A name inside an archive is used as a name only, never as a path. A
link, a file that is too large and one that cannot be unpacked are handed on with a reason in place
of their content. An archive that unpacks to far more than MIDI files could is refused as a whole.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.clips import Clip

_SUFFIXES = (".mid", ".midi", ".smf")
#: Several times the longest performances; little enough to hold.
_LARGEST_FILE = 8 << 20
#: MIDI files shrink to a tenth or so; an archive may be unpacked to this many times its size.
_LARGEST_RATIO = 200
_ALWAYS_ALLOWED = 64 << 20
_CHUNK = 1 << 20

_OPENERS: dict[bytes, Callable[[Path], io.BufferedIOBase]] = {
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
}
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One MIDI file of a corpus: its bytes, or the reason why there are none."""

    name: str
    data: bytes | None
    reason: str = ""


class Corpus(Protocol):
    """MIDI files from one place."""

    @property
    def name(self) -> str:
        """For people; no path."""

    def digest(self) -> str:
        """sha256, in hexadecimal, of what is in it."""

    def members(self) -> Iterator[Member]:
        """Its MIDI files one after another, always in the same order.

        Raises:
            UserError: the corpus as a whole cannot be read; the message names it.
        """


def open_corpus(path: Path) -> Corpus:
    """A folder, a zip or a tar archive, packed by xz, gzip, bzip2 or not at all.

    Raises:
        UserError: there is nothing at `path`, or something else.
    """
    if path.is_dir():
        return _Folder(path)
    try:
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if zipfile.is_zipfile(path):
        return _Zip(path)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            return _Tar(path, opener)
    if tarfile.is_tarfile(path):
        return _Tar(path, lambda place: place.open("rb"))
    raise UserError(f"{path}: neither a folder nor a zip or tar archive of MIDI files")


@dataclass(frozen=True)
class ClipCorpus:
    """Clips of a dataset, such as its train split."""

    name: str
    clips: Sequence[Clip]

    def digest(self) -> str:
        """See `Corpus`."""
        text = "\n".join(f"{clip.sha256} {clip.id}" for clip in self.clips)
        return hashlib.sha256(text.encode()).hexdigest()

    def members(self) -> Iterator[Member]:
        """See `Corpus`."""
        for clip in self.clips:
            yield _read_file(clip.path, clip.id)


@dataclass(frozen=True)
class _Folder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    def digest(self) -> str:
        digest = hashlib.sha256()
        for member in self.members():
            content = hashlib.sha256(member.data or b"").hexdigest()
            digest.update(f"{content} {member.name}\n".encode())
        return digest.hexdigest()

    def members(self) -> Iterator[Member]:
        # os.walk goes through no link to a folder.
        for folder, below, files in os.walk(self.path):
            below.sort()
            for file in sorted(files):
                if file.lower().endswith(_SUFFIXES):
                    path = self.path / folder / file
                    yield _read_file(path, path.relative_to(self.path).as_posix())


@dataclass(frozen=True)
class _Archive:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def largest(self) -> int:
        """How many bytes it may be unpacked to."""
        return _LARGEST_RATIO * self.path.stat().st_size + _ALWAYS_ALLOWED

    def digest(self) -> str:
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read: {error.strerror}") from error

    def damaged(self, error: BaseException) -> UserError:
        return UserError(f"{self.path}: cannot be unpacked: {error or type(error).__name__}")

    def too_large(self) -> UserError:
        return UserError(f"{self.path}: refused: it unpacks to over {self.largest:,} bytes")


@dataclass(frozen=True)
class _Tar(_Archive):
    opener: Callable[[Path], io.BufferedIOBase]

    def members(self) -> Iterator[Member]:
        try:
            with self.opener(self.path) as unpacked:
                stream = _Limited(unpacked, self)
                # r| reads from front to back only, as one must to hold no more than one member.
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    for info in archive:
                        archive.members = []  # type: ignore[attr-defined]  # else it keeps all
                        if info.name.lower().endswith(_SUFFIXES) and not info.isdir():
                            yield _read_tar_member(archive, info)
        except _DAMAGED as error:
            raise self.damaged(error) from error


@dataclass(frozen=True)
class _Zip(_Archive):
    def members(self) -> Iterator[Member]:
        try:
            with zipfile.ZipFile(self.path) as archive:
                infos = archive.infolist()
                if sum(info.file_size for info in infos) > self.largest:
                    raise self.too_large()
                for info in infos:
                    if info.filename.lower().endswith(_SUFFIXES):
                        yield _read_zip_member(archive, info)
        except _DAMAGED as error:
            raise self.damaged(error) from error


class _Limited(io.RawIOBase):
    """A stream that ends in an error when more comes out of it than an archive may hold."""

    def __init__(self, stream: io.BufferedIOBase, archive: _Archive) -> None:
        self._stream = stream
        self._archive = archive
        self._left = archive.largest

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, _CHUNK) if size >= 0 else _CHUNK)
        self._left -= len(data)
        if self._left < 0:
            raise self._archive.too_large()
        return data


def _read_tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not info.isreg():
        return Member(info.name, None, "no regular file")
    if info.size > _LARGEST_FILE:
        return _too_large(info.name)
    file = archive.extractfile(info)
    return Member(info.name, file.read() if file else b"")


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    if info.file_size > _LARGEST_FILE:
        return _too_large(info.filename)
    try:
        return Member(info.filename, archive.read(info))  # never more than its declared size
    except _DAMAGED as error:
        return Member(info.filename, None, f"cannot be unpacked: {error}")


def _read_file(path: Path, name: str) -> Member:
    if path.is_symlink():
        return Member(name, None, "a link")
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return _too_large(name)
        return Member(name, path.read_bytes())
    except OSError as error:
        return Member(name, None, f"cannot be read: {error.strerror}")


def _too_large(name: str) -> Member:
    return Member(name, None, f"over {_LARGEST_FILE:,} bytes")
