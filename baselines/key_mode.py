"""How far does one bit of the music carry?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.keys import find_keys
from bench.labels import N_QUADRANTS
from bench.registry import register_method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress


@register_method("key-mode", deterministic=True)
class KeyMode:
    """Logistic regression on the mode of the key: major or minor."""

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        """Learn how often each quadrant goes with each mode in `train`."""
        del valid, seed, progress
        self._model = LogisticRegression().fit(_modes(train), [clip.label for clip in train])

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        """Probabilities of the quadrants, shape (n_clips, 4)."""
        probabilities = np.zeros((len(clips), N_QUADRANTS))
        probabilities[:, self._model.classes_] = self._model.predict_proba(_modes(clips))
        return probabilities


def _modes(clips: Sequence[Clip]) -> FloatArray:
    """Is it major, is it minor: shape (n_clips, 2). Neither, in a clip without notes."""
    keys = find_keys(clips)
    return np.array([[key is not None and key.minor == m for m in (False, True)] for key in keys])
