from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.pretraining.corpora import open_corpus
from models.pretraining.pieces import Pieces, divide
from models.pretraining.store import stored_tokens
from models.pretraining.windows import Windows, shuffled
from models.tokens.encodings import COMPOUND_WORDS

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from models.pretraining.windows import Tokens


@given(st.integers(1, 300), st.integers(0, 2**32), st.integers(0, 9))
def test_positions_are_permuted(n: int, seed: int, epoch: int) -> None:
    assert sorted(shuffled(i, n, (seed, epoch)) for i in range(n)) == list(range(n))


def test_the_order_depends_on_seed_and_epoch() -> None:
    orders = {tuple(shuffled(i, 50, key) for i in range(50)) for key in [(0, 0), (0, 1), (1, 0)]}
    assert len(orders) == 3


def test_windows_are_stretches_of_pieces_as_many_as_cover_them_once(folder: Path) -> None:
    learned, _ = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    windows = Windows(learned, length=16, seed=0)
    assert len(windows) == sum(-(-n // 16) for n in learned.lengths)
    epochs = 40
    heard = sum(len(windows.read(i)) for i in range(epochs * len(windows)))
    assert heard == epochs * sum(max(-(-n // 16) * min(16, n), 0) for n in learned.lengths)
    pieces = [learned.read(i, 0, int(learned.lengths[i])) for i in range(len(learned))]
    known = {
        piece[start : start + 16].tobytes() for piece in pieces for start in range(len(piece) - 15)
    }
    assert {windows.read(i).tobytes() for i in range(epochs * len(windows))} <= known


def test_every_token_is_heard_and_those_far_from_a_pieces_ends_equally_often(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned, _ = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    heard = [np.zeros(n, int) for n in learned.lengths]
    read = Pieces.read

    def counted(pieces: Pieces, piece: int, start: int, length: int) -> Tokens:
        heard[piece][start : start + length] += 1
        return read(pieces, piece, start, length)

    monkeypatch.setattr(Pieces, "read", counted)
    windows = Windows(learned, length=16, seed=0)
    for i in range(200 * len(windows)):
        windows.read(i)
    assert all(counts.min() > 0 for counts in heard)
    far = [counts[15:-15] for counts in heard if len(counts) > 30]
    assert len(far) > 5
    assert all(counts.max() < 1.3 * counts.min() for counts in far)


def test_every_epoch_has_an_order_and_cuts_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []
    read = Pieces.read

    def watched(pieces: Pieces, piece: int, start: int, length: int) -> Tokens:
        heard.append((piece, start))
        return read(pieces, piece, start, length)

    monkeypatch.setattr(Pieces, "read", watched)
    learned, _ = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    windows = Windows(learned, length=16, seed=0)
    n = len(windows)
    for i in range(2 * n):
        windows.read(i)
    one, other = ([piece for piece, _ in epoch] for epoch in (heard[:n], heard[n:]))
    assert one != other
    assert sorted(one) == sorted(other) != one
    assert set(heard[:n]) != set(heard[n:])


def test_a_few_windows_are_spread_evenly_over_all_pieces(folder: Path) -> None:
    learned, _ = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    windows = Windows(learned, length=16, seed=0)
    n = len(windows)
    # Each in the middle of where it may begin.
    expected = [
        learned.read(piece, int((k + 0.5) * (length - 15) / -(-length // 16)), 16)
        for piece, length in enumerate(learned.lengths.tolist())
        for k in range(-(-length // 16))
    ]
    assert learned.lengths.min() > 16
    for at_most, places in [(n + 1, range(n)), (3, [0, n // 3, 2 * n // 3])]:
        few = windows.spread(at_most)
        assert len(few) == len(places)
        for window, place in zip(few, places, strict=True):
            np.testing.assert_array_equal(window, expected[place])


def test_a_window_depends_on_its_number_alone(folder: Path) -> None:
    learned, _ = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    one, other = Windows(learned, 16, 3), Windows(learned, 16, 3)
    expected = [one.read(i) for i in range(100)]
    for i in (99, 0, 57):
        np.testing.assert_array_equal(other.read(i), expected[i])
    assert any(
        len(Windows(learned, 16, 4).read(i)) != len(expected[i])
        or (Windows(learned, 16, 4).read(i) != expected[i]).any()
        for i in range(10)
    )
