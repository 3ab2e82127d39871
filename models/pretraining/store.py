"""A corpus as tokens on disk: one flat memory-mapped array and a table of its pieces.

A store is made once for one content of a corpus and one version of an encoding, and lies in the
cache under the digest of both. Memory holds a few files at a time while it is made, and the table
of pieces, 48 bytes each, while it is used, whatever the size of the corpus.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.claims import Claims
from bench.errors import UserError
from bench.files import check_folder_writable
from bench.folders import CACHE_HINT, cache_directory
from bench.machine import usable_cores
from bench.methods import silent
from bench.processes import process_pool
from models.pretraining.encodings import Encoded, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.methods import Progress
    from models.pretraining.corpora import Corpus, Member
    from models.tokens.encodings import Encoding

    Tokens = NDArray[np.uint16]

#: One row per piece: digest of its file, first token and number of tokens.
PIECE = np.dtype([("sha256", "V32"), ("start", "i8"), ("length", "i8")])

_TOKENS, _PIECES, _NAMES, _ABOUT = "tokens.bin", "pieces.npy", "names.txt", "about.json"
_FILES_AT_ONCE = 16
_AHEAD = 4  # batches of files that wait for each worker


class About(msgspec.Struct, frozen=True):
    """What a store says of itself."""

    encoding: str
    columns: int
    digest: str  # of the corpus
    n_pieces: int
    n_tokens: int
    bad: dict[str, str]  # file -> why it was left out


@dataclass(frozen=True, eq=False)
class TokenStore:
    """One encoded corpus."""

    corpus: str  # its name
    folder: Path
    about: About
    tokens: Tokens  # (n_tokens, columns), memory-mapped
    pieces: NDArray[np.void]  # PIECE

    def name_of(self, piece: int) -> str:
        """The file that a piece comes from."""
        with (self.folder / _NAMES).open(encoding="utf-8") as names:
            for i, line in enumerate(names):
                if i == piece:
                    return line.rstrip("\n")
        raise IndexError(piece)


def stored_tokens(corpus: Corpus, encoding: Encoding, progress: Progress = silent) -> TokenStore:
    """The tokens of a corpus in an encoding; encoded on the first call.

    Raises:
        UserError: the corpus cannot be read, has no readable piece, or the cache cannot be written.
    """
    digest = corpus.digest()
    folder = cache_directory() / "pretraining" / f"{encoding.id}-{digest[:24]}"
    try:
        check_folder_writable(folder.parent)
    except UserError as error:
        raise UserError(f"{error}; {CACHE_HINT}") from error
    with Claims(folder.parent).waiting(folder.name):
        store = _load(folder, corpus.name, encoding.id, digest)
        if store is None:
            _build(corpus, digest, encoding, folder, progress)
            store = _load(folder, corpus.name, encoding.id, digest)
    if store is None:
        raise UserError(f"{folder}: cannot be read back; is the disk full?")
    if not len(store.pieces):
        bad = next(iter(store.about.bad.items()), None)
        why = f"; {bad[0]}: {bad[1]}" if bad else ""
        raise UserError(f"{corpus.name}: holds no readable MIDI file{why}")
    return store


def _load(folder: Path, name: str, encoding: str, digest: str) -> TokenStore | None:
    """None if there is no store, no whole one, or one of something else."""
    try:
        about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=About)
        pieces = np.load(folder / _PIECES)
        size = (folder / _TOKENS).stat().st_size
    except (OSError, ValueError, EOFError, msgspec.DecodeError):
        return None
    if (about.encoding, about.digest) != (encoding, digest):
        return None
    if size != 2 * about.n_tokens * about.columns:
        return None
    if pieces.dtype != PIECE or pieces.shape != (about.n_pieces,):
        return None
    shape = (about.n_tokens, about.columns)
    tokens: Any = np.empty(shape, np.uint16)
    if about.n_tokens:
        tokens = np.memmap(folder / _TOKENS, np.uint16, "r", shape=shape)
    return TokenStore(name, folder, about, tokens, pieces)


def _build(
    corpus: Corpus, digest: str, encoding: Encoding, folder: Path, progress: Progress
) -> None:
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _fill(partial, corpus, digest, encoding, progress)
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        partial.replace(folder)
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be written: {error.strerror or error}; {CACHE_HINT}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fill(
    folder: Path, corpus: Corpus, digest: str, encoding: Encoding, progress: Progress
) -> None:
    rows: list[tuple[bytes, int, int]] = []
    bad: dict[str, str] = {}
    n_tokens, columns = 0, 1
    with (
        (folder / _TOKENS).open("wb") as tokens,
        (folder / _NAMES).open("w", encoding="utf-8", errors="backslashreplace") as names,
    ):
        for n_files, piece in enumerate(_encoded(corpus, encoding)):
            if n_files % 50 == 0:
                progress(0, f"{corpus.name}: {n_files:,} files, {n_tokens:,} tokens")
            if piece.tokens is None:
                bad[piece.name] = piece.reason
                continue
            tokens.write(piece.tokens.tobytes())
            names.write(" ".join(piece.name.split()) + "\n")
            rows.append((piece.sha256, n_tokens, len(piece.tokens)))
            n_tokens += len(piece.tokens)
            columns = piece.tokens.shape[1]
        for file in (tokens, names):
            _to_disk(file)
    np.save(folder / _PIECES, np.array(rows, PIECE))
    about = About(encoding.id, columns, digest, len(rows), n_tokens, bad)
    (folder / _ABOUT).write_bytes(msgspec.json.format(msgspec.json.encode(about)))


def _to_disk(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _encoded(corpus: Corpus, encoding: Encoding) -> Iterator[Encoded]:
    """All files of a corpus, encoded by several processes, in the order of the corpus."""
    batches = _batches(corpus.members())
    first = next(batches, [])
    second = next(batches, None)
    workers = usable_cores()
    if second is None or workers == 1:
        yield from encode(first, encoding)
        for batch in [second, *batches] if second else []:
            yield from encode(batch, encoding)
        return
    with process_pool(workers) as pool:
        waiting = deque(pool.submit(encode, batch, encoding) for batch in (first, second))
        for batch in batches:
            waiting.append(pool.submit(encode, batch, encoding))
            if len(waiting) > _AHEAD * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _batches(members: Iterator[Member]) -> Iterator[list[Member]]:
    batch: list[Member] = []
    for member in members:
        batch.append(member)
        if len(batch) == _FILES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
