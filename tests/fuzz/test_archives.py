"""Archives made to do harm, and harmed ones: refused in one line, or read as far as is safe."""

from __future__ import annotations

import bz2
import copy
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import tracemalloc
import zipfile
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING

import pytest

from bench.datasets.archives import unpack
from bench.datasets.manifest import Manifest, ManifestRow
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError
from models.pretraining.corpora import Member, open_corpus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

SONG = smf_bytes([[SmfNote(0, 480, 60, 64)]])
MANIFEST = Manifest(
    *("tiny", "1", "midis/{id}.mid", "", ()),
    (ManifestRow("a", hashlib.sha256(SONG).hexdigest(), "a", "train", "Q1", 1),),
)
N_DAMAGED = 60


def zip_bytes(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def tar_bytes(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", errors="surrogateescape") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def special(name: str, kind: bytes, aim: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, aim
    return info


def read(path: Path) -> list[Member]:
    return list(open_corpus(path).members())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder that has nothing but the archive in it when the test ends."""
    folder = tmp_path / "inner" / "most"
    folder.mkdir(parents=True)
    yield folder
    left = {path.name for path in tmp_path.rglob("*")}
    assert left <= {"inner", "most", "archive", "target", "midis", "a.mid"}


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def write(folder: Path, data: bytes) -> Path:
    path = folder / "archive"
    path.write_bytes(data)
    return path


def refused(reason: str) -> AbstractContextManager[pytest.ExceptionInfo[UserError]]:
    return pytest.raises(UserError, match=rf"archive: [^\n]*{reason}[^\n]*$")


PACKED: dict[str, Callable[[], bytes]] = {
    "zip": lambda: zip_bytes(("x/midis/a.mid", SONG), ("b.mid", SONG)),
    "tar": lambda: tar_bytes(("a.mid", SONG), ("b.mid", SONG)),
    "tar.gz": lambda: gzip.compress(tar_bytes(("a.mid", SONG), ("b.mid", SONG))),
    "tar.bz2": lambda: bz2.compress(tar_bytes(("a.mid", SONG), ("b.mid", SONG))),
    "tar.xz": lambda: lzma.compress(tar_bytes(("a.mid", SONG), ("b.mid", SONG))),
}


def damaged(data: bytes, number: int) -> bytes:
    """Some bytes changed, most of them where formats keep their numbers; or the end cut off."""
    random = Random(number)  # noqa: S311  # no secret
    if number % 4 == 0:
        return data[: random.randrange(len(data))]
    changed = bytearray(data)
    filled = [at for at, byte in enumerate(data) if byte]
    for _ in range(random.randint(1, 6)):
        changed[random.choice(filled)] = random.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(changed)


@pytest.mark.parametrize("packing", PACKED)
def test_a_damaged_archive_is_read_or_refused(packing: str, place: Path) -> None:
    whole = PACKED[packing]()
    assert [member.data for member in read(write(place, whole))] == [SONG, SONG]
    refusals = []
    for number in range(N_DAMAGED):
        path = write(place, damaged(whole, number))
        for use in (read, lambda path: unpack(path, MANIFEST, place / "target")):
            try:
                use(path)
            except UserError as error:
                refusals.append(str(error))
    assert len(refusals) > N_DAMAGED / 2
    assert [text for text in refusals if not text.startswith(f"{path}: ") or "\n" in text] == []


def test_what_is_no_file_is_not_followed(place: Path) -> None:
    kinds = {
        "symlink.mid": (tarfile.SYMTYPE, "/etc/passwd"),
        "up.mid": (tarfile.SYMTYPE, "../../../etc/passwd"),
        "hardlink.mid": (tarfile.LNKTYPE, "a.mid"),
        "device.mid": (tarfile.CHRTYPE, ""),
        "block.mid": (tarfile.BLKTYPE, ""),
        "pipe.mid": (tarfile.FIFOTYPE, ""),
        "sparse.mid": (tarfile.GNUTYPE_SPARSE, ""),
    }
    members = [(special(name, *kind), b"") for name, kind in kinds.items()]
    found = read(write(place, tar_bytes(("a.mid", SONG), *members)))
    assert found[0].data == SONG
    assert {member.name: member.reason for member in found[1:]} == dict.fromkeys(
        kinds, "not a regular file"
    )


def test_a_link_in_a_zip_is_no_file(place: Path) -> None:
    link = zipfile.ZipInfo("link.mid")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert read(write(place, stream.getvalue())) == [Member("link.mid", None, "not a regular file")]


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    assert read(tmp_path) == [Member("pipe.mid", None, "not a regular file")]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_cannot_be_bounded_are_not_unpacked(method: int, place: Path) -> None:
    bomb = zip_bytes(("midis/a.mid", bytes(30 << 20)), method=method)
    lying = bomb.replace((30 << 20).to_bytes(4, "little"), len(SONG).to_bytes(4, "little"))
    path = write(place, lying)
    with little_memory():
        assert "another method" in read(path)[0].reason
    with little_memory(), refused(r"midis/a\.mid \(wrong content\)"):
        unpack(path, MANIFEST, place / "target")


def test_a_zip_that_lies_about_a_size_is_not_unpacked_further(place: Path) -> None:
    bomb = zip_bytes(("midis/a.mid", bytes(30 << 20)))
    path = write(place, bomb.replace((30 << 20).to_bytes(4, "little"), (99).to_bytes(4, "little")))
    with little_memory():
        assert read(path)[0].data in (None, bytes(99))
    with little_memory(), refused(r"midis/a\.mid \(wrong content\)"):
        unpack(path, MANIFEST, place / "target")


def test_many_names_for_one_content_are_refused(place: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("midis/a.mid", bytes(1 << 20))
        archive.filelist += [copy.copy(archive.filelist[0]) for _ in range(2000)]
    path = write(place, stream.getvalue())
    with little_memory(), refused("refused: it unpacks to over"):
        read(path)
    with little_memory(), refused("refused, because it unpacks to 2,098,200,576 bytes"):
        unpack(path, MANIFEST, place / "target")


def test_an_archive_in_an_archive_is_a_file_like_any_other(place: Path) -> None:
    inner = zip_bytes(("midis/a.mid", SONG))
    path = write(place, zip_bytes(("midis/a.mid", inner), ("more.zip", inner)))
    assert [member.data for member in read(path)] == [inner]
    with refused(r"midis/a\.mid \(wrong content\)"):
        unpack(path, MANIFEST, place / "target")


def test_a_name_in_other_letters_is_another_name(place: Path) -> None:
    path = write(place, zip_bytes(("MIDIS/A.MID", SONG), ("midis/A.mid", b"x")))
    with refused(r"midis/a\.mid \(missing\)"):
        unpack(path, MANIFEST, place / "target")
    assert [member.name for member in read(path)] == ["MIDIS/A.MID", "midis/A.mid"]


def test_of_members_of_one_name_the_right_one_is_taken(place: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zip_bytes(*[("midis/a.mid", content) for content in (b"x", SONG, b"y")])
    unpack(write(place, data), MANIFEST, place / "target")
    assert (place / "target/midis/a.mid").read_bytes() == SONG


def test_encrypted_members_are_not_read(place: Path) -> None:
    plain = zip_bytes(("midis/a.mid", SONG))
    locked = plain.replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1")
    locked = locked.replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\x14\0\1")
    path = write(place, locked)
    (member,) = read(path)
    assert "encrypted" in member.reason
    with refused(r"midis/a\.mid \(wrong content\)"):
        unpack(path, MANIFEST, place / "target")


def test_names_are_shown_on_one_line(place: Path) -> None:
    path = write(place, tar_bytes(("a\nb.mid", SONG), ("\udcff.mid", SONG)))
    assert [member.name for member in read(path)] == ["a\\nb.mid", "\\udcff.mid"]
    evil = "../" + "x" * 60_000
    with refused(r"would leave the folder") as caught:
        unpack(write(place, zip_bytes((evil, b""))), MANIFEST, place / "target")
    assert len(str(caught.value)) < 500


def test_what_a_tar_says_of_a_file_is_bounded(place: Path) -> None:
    info = tarfile.TarInfo("a.mid")
    info.pax_headers = {"comment": "x" * (30 << 20)}
    path = write(place, lzma.compress(tar_bytes((info, SONG)), preset=0))
    with little_memory(), refused("a header of over 1,048,576 bytes"):
        read(path)


def test_large_files_between_are_passed_over(place: Path) -> None:
    data = tar_bytes(("video.mp4", bytes(5 << 20)), ("a.mid", SONG))
    assert [member.data for member in read(write(place, data))] == [SONG]
