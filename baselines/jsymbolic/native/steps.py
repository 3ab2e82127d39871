"""Functions of time that change at a few ticks only, such as tempo and volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Steps:
    """A function of the tick that keeps its value from one step to the next."""

    ticks: IntArray  # shape (n_steps,), strictly increasing, the first is 0
    values: FloatArray  # shape (n_steps,): from this tick on

    def at(self, ticks: IntArray) -> FloatArray:
        """The function's values, shape of `ticks`."""
        return self.values[np.searchsorted(self.ticks, ticks, side="right") - 1]

    def runs(self, begin: int, end: int) -> list[tuple[float, int]]:
        """(value, number of ticks) for the ticks begin..end-1, in order."""
        if len(self.ticks) == 1:
            return [(float(self.values[0]), end - begin)]
        first, behind = np.searchsorted(self.ticks, (begin, end), side="right")
        inside = self.ticks[first:behind].clip(max=end).tolist()
        edges = zip([begin, *inside], [*inside, end], strict=True)
        values = self.values[first - 1 : behind].tolist()
        return [(v, b - a) for v, (a, b) in zip(values, edges, strict=True) if b > a]


def steps(initial: float, ticks: IntArray, values: FloatArray) -> Steps:
    """A function set to `initial`, then by each event in file order from its tick to the end.

    An event further down the file thus silences earlier ones of later ticks, as in jSymbolic.
    """
    kept: list[tuple[int, float]] = [(0, initial)]
    for tick, value in zip(ticks.tolist(), values.tolist(), strict=True):
        while kept and kept[-1][0] >= tick:
            kept.pop()
        kept.append((tick, value))
    return Steps(
        np.array([tick for tick, _ in kept], dtype=np.int64),
        np.array([value for _, value in kept], dtype=np.float64),
    )
