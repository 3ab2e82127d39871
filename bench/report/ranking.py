"""Ranks that do not pretend to see what the noise hides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def ranks(scores: Sequence[float], apart: NDArray[np.bool_]) -> list[int]:
    """1 + the number of methods that are better and can be told apart; the rest share a rank.

    Args:
        scores: of each method, higher is better.
        apart: symmetric, shape (n, n): whether two methods can be told apart.
    """
    values = np.asarray(scores, dtype=np.float64)
    better = (values[None, :] > values[:, None]) & apart
    return [1 + int(n) for n in better.sum(axis=1)]


def tie_groups(apart: NDArray[np.bool_]) -> list[str]:
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
    letters = [_letter(k) for k in range(len(groups))]
    return [
        "".join(letter for letter, group in zip(letters, groups, strict=True) if i in group)
        for i in range(len(apart))
    ]


def _letter(k: int) -> str:
    return chr(ord("a") + k) if k < 26 else f"({k})"
