"""The small statistics jSymbolic 2.2 computes all features with, its own conventions included.

Ties and thresholds decide many features, so sums run in the program's order where that can change
the last bit of a value.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    Numbers = FloatArray | IntArray


def mean(values: Numbers) -> float:
    """Arithmetic mean; 0 without values."""
    return float(values.mean()) if len(values) else 0.0


def deviation(values: Numbers) -> float:
    """Sample standard deviation (n - 1); 0 for fewer than two values."""
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def median(values: Numbers) -> float:
    """The upper one of the middle values, never their mean; 0 without values."""
    return float(np.sort(values)[len(values) // 2]) if len(values) else 0.0


def skewness(values: Numbers) -> float:
    """Pearson's second (median) skewness; 0 for fewer than three or only equal values."""
    spread = deviation(values)
    if len(values) < 3 or spread == 0.0:
        return 0.0
    return 3.0 * (mean(values) - median(values)) / spread


def kurtosis(values: Numbers) -> float:
    """Sample excess kurtosis with the last term *added*, as jSymbolic has it, not subtracted.

    0 for fewer than four or only equal values.
    """
    n = float(len(values))
    spread = deviation(values)
    if n < 4 or spread == 0.0:
        return 0.0
    fourth = float(((values - mean(values)) ** 4).sum()) / spread**4
    scale = n * (n + 1) / ((n - 1) * (n - 2) * (n - 3))
    return scale * fourth + 3 * (n - 1) ** 2 / ((n - 2) * (n - 3))


def normalised(histogram: Numbers) -> FloatArray:
    """The histogram divided by its sum, or zeros where that is zero; float64, same shape."""
    total = float(np.add.accumulate(histogram, dtype=np.float64)[-1])
    return histogram / total if total else np.zeros(len(histogram))


def index_of_largest(values: Numbers) -> int:
    """Index of the largest value; the first of equals."""
    return int(np.argmax(values))


def add_up(total: float, step: float, count: int, limit: float) -> tuple[float, int]:
    """Add `step` to `total` until it reaches `limit`, `count` times at most, rounding every sum.

    Between two powers of two each addition raises a sum by the same amount, so those are taken at
    one go: a few dozen operations for any count.

    Returns:
        The sum and the number of additions.
    """
    used = 0
    while used < count and total < limit:
        last, total = total, total + step
        used += 1
        rise, ceiling = total - last, math.ldexp(1.0, math.frexp(total)[1])
        if rise == 0.0:
            return total, count
        if last >= ceiling / 2 and (total + step) - total == rise:
            ahead = int(min((min(ceiling, limit) - total) / rise, count - used)) - 2
            if ahead > 0:
                total += ahead * rise
                used += ahead
    return total, used


def add_tick_by_tick(runs: Iterable[tuple[float, int]]) -> float:
    """The sum of `value` added `count` times, one after the other, for each (value, count).

    jSymbolic adds up seconds tick by tick and compares or truncates the sum, so the rounding of
    every single addition counts.
    """
    total = 0.0
    for value, count in runs:
        total, _ = add_up(total, value, count, math.inf)
    return total


def index_of_second(histogram: FloatArray) -> int:
    """The bin of the second largest magnitude, the first of equals; 0 if all others are empty."""
    others = histogram.copy()
    others[index_of_largest(histogram)] = 0.0
    return index_of_largest(others)


def ratio(part: float, whole: float) -> float:
    """`part / whole`; 0 where the whole is 0."""
    return float(part / whole) if whole else 0.0


def second_to_first(histogram: FloatArray) -> float:
    """The second largest magnitude by the largest; 0 for an empty histogram."""
    return ratio(histogram[index_of_second(histogram)], histogram[index_of_largest(histogram)])


def distance_of_top_two(histogram: FloatArray) -> float:
    """Bins between the two largest magnitudes."""
    return float(abs(index_of_largest(histogram) - index_of_second(histogram)))


def fold_octaves(histogram: FloatArray) -> FloatArray:
    """Sums of the bins 12 apart, shape (12,), octave by octave: the rounding decides ties."""
    octaves = np.zeros((11, 12))
    octaves.flat[: len(histogram)] = histogram
    folded: FloatArray = np.add.accumulate(octaves)[-1]
    return folded


def weighted_mean(values: IntArray, weights: IntArray) -> float:
    """Mean of values that occur `weights` times each; 0 without any."""
    n = weights.sum()
    return float((values * weights).sum() / n) if n else 0.0


def weighted_deviation(values: IntArray, weights: IntArray) -> float:
    """Sample standard deviation of such values; 0 for fewer than two."""
    n = weights.sum()
    if n < 2:
        return 0.0
    distance = values - weighted_mean(values, weights)
    return float(np.sqrt((distance**2 * weights).sum() / (n - 1)))
