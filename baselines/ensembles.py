"""Ensembles of trees on all jSymbolic values: the strong classical baselines.

They know only how values are ordered, so nothing is scaled; columns that never vary are left out,
as they say nothing and cost time. Validation clips serve them only to learn from.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier

from baselines.settings import at_least, share
from baselines.tables import NATIVE, check_extractor, jsymbolic_table, varying_columns
from bench.errors import UserError
from bench.labels import N_QUADRANTS
from bench.registry import register_method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress

_MOST_BINS = 255  # scikit-learn keeps a bin's number in a byte, and one for what is unknown


class _Classifier(Protocol):
    classes_: NDArray[np.int64]

    def fit(self, X: FloatArray, y: NDArray[np.int64]) -> object: ...
    def predict_proba(self, X: FloatArray) -> FloatArray: ...


class _TableEnsemble:
    """A scikit-learn classifier on the jSymbolic table."""

    def __init__(self, extractor: str) -> None:
        self._extractor = extractor

    def _classifier(self, seed: int) -> _Classifier:
        raise NotImplementedError

    def check(self) -> None:
        """See `bench.methods.CheckedMethod`: there is such an extractor."""
        check_extractor(self._extractor)

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        """Learn from `train` and `valid`."""
        del progress  # scikit-learn reports none
        table = np.concatenate([self._table(train), self._table(valid)])
        self._varying = varying_columns(table)
        self._model = self._classifier(seed)
        self._model.fit(
            table[:, self._varying], np.array([clip.label for clip in (*train, *valid)])
        )

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        """Probabilities of the quadrants, shape (n_clips, 4)."""
        probabilities = np.zeros((len(clips), N_QUADRANTS))
        table = self._table(clips)[:, self._varying]
        probabilities[:, self._model.classes_] = self._model.predict_proba(table)
        return probabilities

    def _table(self, clips: Sequence[Clip]) -> FloatArray:
        # Of NaN each split sends all to one side; infinity the trees do not take.
        table = jsymbolic_table(clips, self._extractor)
        return np.where(np.isfinite(table), table, np.nan)


@register_method("gbdt-jsymbolic")
class GbdtJSymbolic(_TableEnsemble):
    """Histogram gradient boosting on all jSymbolic values.

    Args:
        rounds: boosting rounds, of one tree per quadrant each.
        learning_rate: how much of each tree is taken.
        leaves: most leaves of a tree, at least 2.
        columns: share of the values that each split may choose from, drawn by the seed.
        bins: most classes that a value is sorted into, 2..255.
        extractor: "native", or "jsymbolic" for the program itself.
    """

    def __init__(
        self,
        *,
        rounds: int = 300,
        learning_rate: float = 0.05,
        leaves: int = 15,
        columns: float = 0.1,
        bins: int = 64,
        extractor: str = NATIVE,
    ) -> None:
        super().__init__(extractor)
        at_least(1, rounds=rounds)
        at_least(2, leaves=leaves)
        share(columns=columns)
        if not 0 < learning_rate < math.inf:
            raise UserError(f"setting learning_rate={learning_rate}: must be above 0 and finite")
        if not 2 <= bins <= _MOST_BINS:
            raise UserError(f"setting bins={bins}: not in 2..{_MOST_BINS}")
        self._settings: dict[str, Any] = {
            "max_iter": rounds,
            "learning_rate": learning_rate,
            "max_leaf_nodes": leaves,
            "max_features": float(columns),  # 1 would be refused
            "max_bins": bins,
        }

    def _classifier(self, seed: int) -> _Classifier:
        # Its own early stopping would hold out clips of the same songs.
        model: _Classifier = HistGradientBoostingClassifier(
            early_stopping=False, random_state=seed, **self._settings
        )
        return model


@register_method("trees-jsymbolic")
class TreesJSymbolic(_TableEnsemble):
    """Extremely randomised trees (Geurts et al. 2006) on all jSymbolic values.

    Args:
        trees: how many.
        columns: share of the values that each split may choose from.
        leaf: fewest clips in a leaf.
        extractor: "native", or "jsymbolic" for the program itself.
    """

    def __init__(
        self,
        *,
        trees: int = 500,
        columns: float = 0.05,
        leaf: int = 1,
        extractor: str = NATIVE,
    ) -> None:
        super().__init__(extractor)
        at_least(1, trees=trees, leaf=leaf)
        share(columns=columns)
        self._settings: dict[str, Any] = {
            "n_estimators": trees,
            "max_features": float(columns),  # 1 would be one column
            "min_samples_leaf": leaf,
        }

    def _classifier(self, seed: int) -> _Classifier:
        model: _Classifier = ExtraTreesClassifier(random_state=seed, n_jobs=1, **self._settings)
        return model
