from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.datasets.builtin import built_in_manifest
from bench.errors import UserError
from bench.midi import read_midi
from models.pretraining import corpora, pieces, store
from models.pretraining.corpora import Corpus, Member, open_corpus
from models.pretraining.pieces import Pieces, divide
from models.pretraining.store import stored_tokens
from models.tokens.compound import encode_compound
from models.tokens.encodings import COMPOUND_WORDS, PERFORMANCE_WORDS
from models.tokens.performance import encode_performance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def zipped(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*.mid*"), reverse=True):
            archive.write(path, path.relative_to(folder))
    return target


def tarred(folder: Path, target: Path, mode: str) -> Path:
    with tarfile.open(target, mode) as archive:  # type: ignore[call-overload]  # any mode
        archive.add(folder, "any/folder")
    return target


def everything(stores: list[store.TokenStore]) -> list[bytes]:
    return [
        some.read(i, 0, int(some.lengths[i])).tobytes()
        for some in divide(stores)
        for i in range(len(some))
    ]


def test_a_store_holds_each_files_tokens(folder: Path) -> None:
    for encoding, encode in (
        (COMPOUND_WORDS, encode_compound),
        (PERFORMANCE_WORDS, encode_performance),
    ):
        made = stored_tokens(open_corpus(folder), encoding)
        assert made.about.n_pieces == 13
        assert not made.about.bad
        for i, row in enumerate(made.pieces):
            begin = int(row["start"])
            tokens = made.tokens[begin : begin + int(row["length"])]
            expected = encode(read_midi(folder / made.name_of(i)))
            np.testing.assert_array_equal(tokens, expected.reshape(tokens.shape))


def test_archives_equal_folders(folder: Path, tmp_path: Path) -> None:
    expected = everything([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    assert len(expected) == 12  # one of the 13 files has the content of another
    for packed in (
        zipped(folder, tmp_path / "corpus.zip"),
        tarred(folder, tmp_path / "corpus.tar", "w"),
        tarred(folder, tmp_path / "corpus.tar.gz", "w:gz"),
        tarred(folder, tmp_path / "corpus.tar.bz2", "w:bz2"),
        tarred(folder, tmp_path / "corpus.tar.xz", "w:xz"),
    ):
        assert everything([stored_tokens(open_corpus(packed), COMPOUND_WORDS)]) == expected
        both = [stored_tokens(open_corpus(path), COMPOUND_WORDS) for path in (packed, folder)]
        assert everything(both) == expected


def test_several_processes_give_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = everything([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    monkeypatch.setenv("SMER_BENCH_CACHE", str(folder.parent / "other"))
    monkeypatch.setattr(store, "_FILES_AT_ONCE", 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert everything([stored_tokens(open_corpus(folder), COMPOUND_WORDS)]) == alone


def test_a_second_run_reuses_the_store_and_a_change_does_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stored_tokens(open_corpus(folder), COMPOUND_WORDS)
    with monkeypatch.context() as patch:
        patch.setattr(store, "_fill", lambda *_: pytest.fail("encoded again"))
        assert stored_tokens(open_corpus(folder), COMPOUND_WORDS).folder == first.folder
    (first.folder / "tokens.bin").write_bytes(b"cut")
    assert everything([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    (folder / "02.mid").unlink()
    assert stored_tokens(open_corpus(folder), COMPOUND_WORDS).about.n_pieces == 12


def test_an_interrupted_encoding_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> Iterator[store.Encoded]:
        raise KeyboardInterrupt
        yield

    with monkeypatch.context() as patch:
        patch.setattr(store, "_encoded", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stored_tokens(open_corpus(folder), COMPOUND_WORDS)
    cache = folder.parent / "cache" / "pretraining"
    assert not [path for path in cache.iterdir() if path.is_dir()]
    assert stored_tokens(open_corpus(folder), COMPOUND_WORDS).about.n_pieces == 13


def test_a_cache_that_cannot_be_written_is_named_with_what_to_do(folder: Path) -> None:
    (folder.parent / "cache").touch()
    with pytest.raises(UserError, match=r"cache.*: cannot be written: .*; SMER_BENCH_CACHE names"):
        stored_tokens(open_corpus(folder), COMPOUND_WORDS)


def test_bad_files_are_counted_and_named(folder: Path) -> None:
    (folder / "cut.mid").write_bytes((folder / "01.mid").read_bytes()[:100])
    (folder / "text.mid").write_text("no notes here")
    (folder / "link.mid").symlink_to(folder / "01.mid")
    (folder / "notes.txt").write_text("ignored")
    about = stored_tokens(open_corpus(folder), COMPOUND_WORDS).about
    assert about.n_pieces == 13
    assert set(about.bad) == {"cut.mid", "text.mid", "link.mid"}
    assert "MThd" in about.bad["text.mid"]
    assert about.bad["link.mid"] == "a link"


def test_names_in_archives_are_names_only(folder: Path, tmp_path: Path) -> None:
    data = (folder / "01.mid").read_bytes()
    packed = tmp_path / "odd.tar"
    with tarfile.open(packed, "w") as archive:
        for name in ("../../escaped.mid", "/absolute.mid"):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link.mid")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    about = stored_tokens(open_corpus(packed), COMPOUND_WORDS).about
    assert about.n_pieces == 2
    assert about.bad == {"link.mid": "not a regular file"}
    assert not (tmp_path.parent / "escaped.mid").exists()


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "_ALWAYS_ALLOWED", 0)
    monkeypatch.setattr(corpora, "LARGEST_FILE", 1000)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("zeros.mid")
        info.size = 4_000_000
        archive.addfile(info, io.BytesIO(bytes(info.size)))
    (tmp_path / "bomb.tar.xz").write_bytes(lzma.compress(tar.getvalue()))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as zipped_bomb:
        zipped_bomb.writestr("zeros.mid", bytes(4_000_000))
    for name in ("bomb.tar.xz", "bomb.zip"):
        with pytest.raises(UserError, match=f"{name}: refused: it unpacks to over"):
            list(open_corpus(tmp_path / name).members())


def test_a_file_that_is_too_large_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpora, "LARGEST_FILE", 10)
    packed = zipped(folder, folder.parent / "large.zip")
    for corpus in (open_corpus(folder), open_corpus(packed)):
        assert {member.reason for member in corpus.members()} == {"over 10 bytes"}
        assert all(member.data is None for member in corpus.members())


@pytest.mark.parametrize("name", ["damaged.tar.xz", "damaged.zip", "text.tar", "missing.zip"])
def test_what_is_no_corpus_is_refused_in_one_line(folder: Path, name: str) -> None:
    path = folder.parent / name
    if name == "damaged.tar.xz":
        whole = tarred(folder, folder.parent / "whole.tar.xz", "w:xz").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif name == "damaged.zip":
        path.write_bytes(zipped(folder, folder.parent / "whole.zip").read_bytes()[:-30])
    elif name == "text.tar":
        path.write_text("hello")
    with pytest.raises(UserError, match=name) as caught:
        stored_tokens(open_corpus(path), COMPOUND_WORDS)
    assert "\n" not in str(caught.value)


def test_a_folder_without_midi_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no readable MIDI file"):
        stored_tokens(open_corpus(tmp_path), COMPOUND_WORDS)


class _OneFile:
    name = "one"

    def __init__(self, data: bytes) -> None:
        self.data = data

    def digest(self) -> str:
        return "0" * 64

    def members(self) -> Iterator[Member]:
        yield Member("a.mid", self.data)


@pytest.mark.parametrize("split", ["valid", "test"])
def test_clips_that_are_evaluated_are_refused(split: str, folder: Path) -> None:
    row = next(row for row in built_in_manifest("emopia").rows if row.split == split)
    made = stored_tokens(open_corpus(folder), COMPOUND_WORDS)
    made.pieces["sha256"][4] = np.void(bytes.fromhex(row.sha256))
    with pytest.raises(UserError, match=f"{made.name_of(4)} is the {split} clip {row.clip}"):
        divide([made])
    train = next(row for row in built_in_manifest("emopia").rows if row.split == "train")
    made.pieces["sha256"][4] = np.void(bytes.fromhex(train.sha256))
    assert divide([made])


def test_the_same_pieces_are_held_out_in_every_mix(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "HELD_OUT_EVERY", 3)
    whole = stored_tokens(open_corpus(folder), COMPOUND_WORDS)
    part = stored_tokens(open_corpus(folder / "below"), COMPOUND_WORDS)

    def digests(some: Pieces) -> set[bytes]:
        return {bytes(some.stores[s].pieces["sha256"][p]) for s, p in some.where}

    learned, held = divide([whole])
    learned_part, held_part = divide([part])
    assert digests(held_part) <= digests(held)
    assert digests(learned_part) <= digests(learned)
    assert 0 < len(held) < len(learned) + len(held)
    assert 0 < len(held_part) < len(learned_part) + len(held_part)
    assert not digests(held) & digests(learned)


def test_a_corpus_is_anything_that_has_members(folder: Path) -> None:
    corpus: Corpus = _OneFile((folder / "01.mid").read_bytes())
    learned, held = divide([stored_tokens(corpus, PERFORMANCE_WORDS)])
    assert (len(learned), len(held)) == (1, 0)
