"""Features of rhythm: R-1 ... R-66, and those that tempo influences: RT-1 ... RT-29."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.jsymbolic.native import (
    beat_histogram,
    rhythm_density,
    rhythm_meter,
    rhythm_rests,
    rhythm_timing,
    rhythm_values,
    tempo,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Piece

FEATURES: dict[str, Callable[[Piece], float | Sequence[float] | NDArray[np.float64]]] = {
    **rhythm_meter.FEATURES,
    **rhythm_density.FEATURES,
    **rhythm_values.FEATURES,
    **rhythm_rests.FEATURES,
    **beat_histogram.FEATURES,
    **tempo.FEATURES,
    **rhythm_timing.FEATURES,
}
