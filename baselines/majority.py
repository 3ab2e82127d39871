"""The floor of every board: no look at the music."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.labels import N_QUADRANTS
from bench.registry import register_method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress


@register_method("majority", deterministic=True)
class Majority:
    """How often each quadrant occurs in the training clips, the same for every clip."""

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        """Count the quadrants of `train`."""
        del valid, seed, progress
        counts = np.bincount([clip.label for clip in train], minlength=N_QUADRANTS)
        self._frequencies = counts / counts.sum()

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        """The frequencies, once for each clip: shape (n_clips, 4)."""
        return np.tile(self._frequencies, (len(clips), 1))
