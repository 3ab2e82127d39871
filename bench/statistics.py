"""What ten seeds and a small test set allow to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def mean_std(values: ArrayLike) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof = 1, as in the paper); None for a single value."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None
