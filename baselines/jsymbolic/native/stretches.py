"""Stretches of time, as first ticks and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]
    #: First ticks and ends, both shape (n_stretches,), in order, neither touching nor overlapping.
    Stretches = tuple[IntArray, IntArray]


def union(begin: IntArray, end: IntArray) -> Stretches:
    """The ticks within at least one of these stretches, which may overlap, in any order."""
    order = np.argsort(begin, kind="stable")
    begin, reach = begin[order], np.maximum.accumulate(end[order])
    fresh = np.append(True, begin[1:] > reach[:-1])[: len(begin)]
    last = np.append(fresh[1:], True)[: len(begin)]
    return begin[fresh], reach[last]
