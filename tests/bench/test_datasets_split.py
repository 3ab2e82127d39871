"""The search for validation songs."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datasets.grouped_split import choose_songs

COUNTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9)),
    min_size=3,
    max_size=7,
)


def cost(counts: dict[str, tuple[int, int, int]], songs: set[str], n_clips: int) -> tuple[int, int]:
    pool = [sum(column) for column in zip(*counts.values(), strict=True)]
    chosen = [sum(counts[song][i] for song in songs) for i in range(3)]
    distance = sum(abs(c * sum(pool) - p * n_clips) for c, p in zip(chosen, pool, strict=True))
    return abs(sum(chosen) - n_clips), distance


@settings(deadline=None, max_examples=20)  # no judgement on a busy machine
@given(COUNTS, st.integers(10, 40))
def test_no_exchange_of_two_songs_would_be_better(
    counts: dict[str, tuple[int, int, int]], n_clips: int
) -> None:
    chosen = choose_songs(counts, n_clips)
    assert chosen <= counts.keys()
    for leaves in chosen:
        for enters in counts.keys() - chosen:
            other = chosen - {leaves} | {enters}
            assert cost(counts, chosen, n_clips) <= cost(counts, other, n_clips)


@settings(deadline=None, max_examples=20)  # no judgement on a busy machine
@given(COUNTS, st.integers(10, 40), st.randoms(use_true_random=False))
def test_the_order_of_songs_changes_nothing(
    counts: dict[str, tuple[int, int, int]], n_clips: int, random: object
) -> None:
    shuffled = list(counts.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis names no type for it
    assert choose_songs(dict(shuffled), n_clips) == choose_songs(counts, n_clips)


@pytest.mark.parametrize("n_clips", [21, 33])  # neither of which the first start finds
def test_finds_the_best_of_all_choices_where_they_can_be_tried(n_clips: int) -> None:
    counts = {f"song {i}": (i * 3 % 5, i * 3 % 7, 1 + i * 5 % 4) for i in range(12)}
    best = min(
        cost(counts, set(songs), n_clips)
        for size in range(1, 12)
        for songs in combinations(counts, size)
    )
    assert cost(counts, choose_songs(counts, n_clips), n_clips) == best
