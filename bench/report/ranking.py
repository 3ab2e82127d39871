"""Ranks that do not pretend to see what the noise hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ranks(apart: NDArray[np.int64]) -> list[int]:
    """1 + the number of methods that are better and can be told apart; the rest share a rank.

    Args:
        apart: as `bench.statistics.told_apart` has it.
    """
    return [1 + int(n) for n in (apart < 0).sum(axis=1)]


def tie_groups(apart: NDArray[np.int64]) -> list[str]:
    """Letters for each method: two share a letter just when they cannot be told apart.

    The compact letter display of Piepho (2004). Ranks alone cannot say that the first ties with the
    second and the second with the third, while the first beats the third.
    """
    groups = [frozenset(range(len(apart)))]
    for i, j in np.argwhere(np.triu(apart, 1)):
        split: list[frozenset[int]] = []
        for group in groups:
            both = i in group and j in group
            split += [group - {i}, group - {j}] if both else [group]
        groups = [g for g in dict.fromkeys(split) if not any(g < other for other in split)]
    groups.sort(key=sorted)
    letters = [letter_of(k) for k in range(len(groups))]
    return [
        "".join(letter for letter, group in zip(letters, groups, strict=True) if i in group)
        for i in range(len(apart))
    ]


def letter_of(k: int) -> str:
    """What stands for the k-th of something, from 0: a to z, then a number in brackets."""
    return chr(ord("a") + k) if k < 26 else f"({k})"
