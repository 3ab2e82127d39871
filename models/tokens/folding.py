"""Pitches brought into the range of a vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fold_octaves(pitch: NDArray[np.int64], lowest: int, highest: int) -> NDArray[np.int64]:
    """`pitch` moved by as few octaves as bring it into lowest..highest, which span one or more."""
    octaves_up = np.maximum(-((pitch - lowest) // 12), 0)
    octaves_down = np.maximum(-((highest - pitch) // 12), 0)
    folded: NDArray[np.int64] = pitch + 12 * (octaves_up - octaves_down)
    return folded
