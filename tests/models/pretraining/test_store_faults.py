"""Stores that are damaged, or of something else, are made anew."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.pretraining.corpora import open_corpus
from models.pretraining.store import stored_tokens
from models.tokens.encodings import COMPOUND_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _cut_tokens(store: Path, _: Path) -> None:
    file = store / "tokens.bin"
    file.write_bytes(file.read_bytes()[:-2])


def _cut_pieces(store: Path, _: Path) -> None:
    file = store / "pieces.npy"
    file.write_bytes(file.read_bytes()[:-1])


def _foreign_pieces(store: Path, _: Path) -> None:
    np.save(store / "pieces.npy", np.zeros(len(np.load(store / "pieces.npy"))))


def _garbled_description(store: Path, _: Path) -> None:
    (store / "about.json").write_bytes(b"{")


def _foreign_store(store: Path, other: Path) -> None:
    shutil.rmtree(store)
    shutil.copytree(other, store)


@pytest.mark.parametrize(
    "damage", [_cut_tokens, _cut_pieces, _foreign_pieces, _garbled_description, _foreign_store]
)
def test_a_damaged_or_foreign_store_is_made_anew(
    folder: Path, damage: Callable[[Path, Path], None]
) -> None:
    first = stored_tokens(open_corpus(folder), COMPOUND_WORDS)
    tokens, pieces = np.array(first.tokens), np.array(first.pieces)
    other = stored_tokens(open_corpus(folder / "below"), COMPOUND_WORDS)
    damage(first.folder, other.folder)
    again = stored_tokens(open_corpus(folder), COMPOUND_WORDS)
    np.testing.assert_array_equal(again.tokens, tokens)
    np.testing.assert_array_equal(again.pieces, pieces)
