"""Folders and archives of MIDI files, read file by file; nothing is ever unpacked to disk.

Nobody vouches for these files. A name inside an archive is used as a name only, never as a path. A
link, a file that is too large and one that cannot be unpacked are handed on with a reason in place
of their content. An archive that unpacks to far more than MIDI files could, or that hides as much
between its files, is refused as a whole.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import stat
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bench.datasets.archives import UNREADABLE, read_member
from bench.errors import UserError
from bench.midi import LARGEST_FILE
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.clips import Clip

_SUFFIXES = (".mid", ".midi", ".smf")
#: MIDI files shrink to a tenth or so; an archive may be unpacked to this many times its size.
_LARGEST_RATIO = 200
_ALWAYS_ALLOWED = 64 << 20
_CHUNK = 1 << 20
#: What a tar archive may say of one file, such as its name; `tarfile` holds it in memory.
_LARGEST_HEADER = 1 << 20

_OPENERS: dict[bytes, Callable[[Path], io.BufferedIOBase]] = {
    b"\xfd7zXZ\0": lzma.LZMAFile,
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
}
_DAMAGED = (*UNREADABLE, tarfile.TarError, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Member:
    """One MIDI file of a corpus: its bytes, or the reason why there are none."""

    name: str  # for people: `bench.shown`
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
    try:
        if path.is_dir():
            return _Folder(path)
        with path.open("rb") as file:
            head = file.read(6)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    if zipfile.is_zipfile(path):
        return _Zip(path)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            return _Tar(path, opener)
    plain = _Tar(path, lambda place: place.open("rb"))
    if plain.is_one():
        return plain
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
        return shown(self.path.resolve().name)

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
                    path = Path(folder, file)  # which begins with self.path
                    yield _read_file(path, shown(path.relative_to(self.path).as_posix()))


@dataclass(frozen=True)
class _Archive:
    path: Path

    @property
    def name(self) -> str:
        return shown(self.path.name)

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

    def is_one(self) -> bool:
        """Whether it begins as tar archives do."""
        try:
            with self.opener(self.path) as unpacked:
                tarfile.open(fileobj=_Limited(unpacked, self), mode="r|").close()
        except _DAMAGED:
            return False
        return True

    def members(self) -> Iterator[Member]:
        try:
            with self.opener(self.path) as unpacked:
                stream = _Limited(unpacked, self)
                # r| reads from front to back only, as one must to hold no more than one member.
                with tarfile.open(fileobj=stream, mode="r|") as archive:
                    while info := archive.next():
                        stream.end = None
                        archive.members = []  # type: ignore[attr-defined]  # else it keeps all
                        if info.name.lower().endswith(_SUFFIXES) and not info.isdir():
                            yield _read_tar_member(archive, info)
                        stream.end = archive.offset + _LARGEST_HEADER
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
                    if info.filename.lower().endswith(_SUFFIXES) and not info.is_dir():
                        yield _read_zip_member(archive, info)
        except _DAMAGED as error:
            raise self.damaged(error) from error


class _Limited(io.RawIOBase):
    """A stream that ends in an error when more comes out of it than an archive may hold.

    Attributes:
        end: where what is said of the next file must have ended; None where its content is read.
    """

    def __init__(self, stream: io.BufferedIOBase, archive: _Archive) -> None:
        self.end: int | None = _LARGEST_HEADER
        self._stream = stream
        self._archive = archive
        self._place = 0

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, _CHUNK) if size >= 0 else _CHUNK)
        self._place += len(data)
        if self._place > self._archive.largest:
            raise self._archive.too_large()
        if self.end is not None and self._place > self.end:
            raise tarfile.ReadError(f"a header of over {_LARGEST_HEADER:,} bytes")
        return data


def _read_tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    name = shown(info.name)
    if not info.isreg() or info.issparse():
        return Member(name, None, "not a regular file")
    if info.size > LARGEST_FILE:
        return _too_large(name)
    file = archive.extractfile(info)
    return Member(name, file.read() if file else b"")


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    name = shown(info.filename)
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return Member(name, None, "not a regular file")
    if info.file_size > LARGEST_FILE:
        return _too_large(name)
    try:
        return Member(name, read_member(archive, info))
    except UNREADABLE as error:
        return Member(name, None, f"cannot be unpacked: {error}")


def _read_file(path: Path, name: str) -> Member:
    if path.is_symlink():
        return Member(name, None, "a link")
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for
            return Member(name, None, "not a regular file")
        if about.st_size > LARGEST_FILE:
            return _too_large(name)
        return Member(name, path.read_bytes())
    except OSError as error:
        return Member(name, None, f"cannot be read: {error.strerror}")


def _too_large(name: str) -> Member:
    return Member(name, None, f"over {LARGEST_FILE:,} bytes")
