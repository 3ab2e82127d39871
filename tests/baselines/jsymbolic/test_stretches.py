from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from baselines.jsymbolic.native.stretches import union


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8))))
def test_the_union_covers_what_any_stretch_covers_tick_by_tick(
    pairs: list[tuple[int, int]],
) -> None:
    covered = np.zeros(40, dtype=np.bool_)
    for begin, length in pairs:
        covered[begin : begin + length] = True
    edges = np.flatnonzero(np.diff(covered, prepend=False))
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    begins, ends = union(table[:, 0], table.sum(axis=1))
    assert begins.tolist() == edges[::2].tolist()
    assert ends.tolist() == edges[1::2].tolist()
