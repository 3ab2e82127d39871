from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.report.ranking import ranks, tie_groups


def matrix(n: int, pairs: set[tuple[int, int]]) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Of pairs whose first is the better one."""
    apart = np.zeros((n, n), dtype=np.int64)
    for i, j in pairs:
        apart[i, j], apart[j, i] = 1, -1
    return apart


def test_methods_that_cannot_be_told_apart_share_a_rank() -> None:
    apart = matrix(4, {(0, 2), (0, 3), (1, 2), (1, 3)})
    assert ranks(apart) == [1, 1, 3, 3]
    assert tie_groups(apart) == ["a", "a", "b", "b"]


def test_letters_say_what_ranks_cannot() -> None:
    apart = matrix(3, {(0, 2)})
    assert ranks(apart) == [1, 1, 2]
    assert tie_groups(apart) == ["a", "ab", "b"]


def test_all_alike_and_all_apart() -> None:
    assert tie_groups(matrix(3, set())) == ["a"] * 3
    assert tie_groups(matrix(3, {(0, 1), (0, 2), (1, 2)})) == ["a", "b", "c"]
    assert ranks(matrix(3, {(1, 0), (2, 0), (1, 2)})) == [3, 1, 2]


@settings(deadline=None, max_examples=40)
@given(st.data(), st.integers(1, 5))
def test_two_share_a_letter_just_when_they_are_not_told_apart(data: st.DataObject, n: int) -> None:
    all_pairs = [(i, j) for i in range(n) for j in range(i)]
    pairs = data.draw(st.sets(st.sampled_from(all_pairs))) if all_pairs else set()
    apart = matrix(n, pairs)
    letters = tie_groups(apart)
    for i in range(n):
        assert letters[i]
        for j in range(n):
            assert bool(set(letters[i]) & set(letters[j])) == (apart[i, j] == 0) or i == j
