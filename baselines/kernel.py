"""A support vector machine with a radial kernel whose settings are found song by song."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import cdist
from scipy.special import log_softmax, softmax
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.svm import SVC

from bench.errors import UserError
from bench.labels import N_QUADRANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.methods import FloatArray, Progress

    Labels = NDArray[np.int64]
    Rows = NDArray[np.intp]

#: What is tried. Gamma is a factor over the number of columns, which suits standardised columns.
C_VALUES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
GAMMA_FACTORS = (0.0625, 0.125, 0.25, 0.5, 1.0)
N_FOLDS = 5

#: Below every score the machine can give: a quadrant it has not learned.
_NEVER = -np.inf


@dataclass(frozen=True, eq=False)
class RadialMachine:
    """A fitted RBF support vector machine, see `fit`.

    Its score of a class is the number of one-against-one decisions it wins, with their confidences
    to break ties (what scikit-learn calls the "ovr" decision function). Probabilities are the
    softmax of the scores times an inverse temperature (temperature scaling: Guo et al. 2017,
    ICML), the one under which the held-out folds are likeliest. So the most probable class is what
    `SVC(break_ties=True).predict` answers, and no second, random cross-validation is needed. A
    class that no row has gets no probability.

    Attributes:
        n_folds: of the cross-validation, `N_FOLDS` where there are songs and clips enough.
        C: of the support vector machine.
        gamma: factor of the squared distance in the kernel.
        sharpness: factor of the scores, the inverse temperature.
        held_out_accuracy: of the chosen C and gamma, over all folds. Held out of this machine
            alone: it is too high where the columns were chosen by the labels of all rows.
    """

    n_folds: int
    C: float
    gamma: float
    sharpness: float
    held_out_accuracy: float
    _table: FloatArray
    _machine: SVC

    @classmethod
    def fit(
        cls, table: FloatArray, labels: Labels, songs: Sequence[str], progress: Progress
    ) -> RadialMachine:
        """Choose C and gamma by cross-validation, then fit to all rows.

        Folds keep songs whole and the classes balanced; the pair with the highest accuracy over
        all folds wins, of equals the one with the smaller C, then gamma.

        Args:
            table: standardised, shape (n_rows, n_columns).
            labels: quadrants, 0..3.
            songs: of the rows.
            progress: told of each fit.

        Raises:
            UserError: too few songs, clips or quadrants for a cross-validation.
        """
        folds = _folds(labels, songs)
        squared = cdist(table, table, "sqeuclidean")
        best = (-1.0, 0.0, 0.0)
        held_out = np.zeros((len(labels), N_QUADRANTS))
        tried = 0
        for factor in GAMMA_FACTORS:
            gamma = factor / table.shape[1]
            kernel = np.exp(-gamma * squared)
            scores = {c: np.zeros((len(labels), N_QUADRANTS)) for c in C_VALUES}
            for inside, outside in folds:
                known, unknown = kernel[np.ix_(inside, inside)], kernel[np.ix_(outside, inside)]
                for c in C_VALUES:
                    scores[c][outside] = _scores(_fit(known, labels[inside], c), unknown)
                    tried += 1
                    progress(tried / (len(GAMMA_FACTORS) * len(C_VALUES) * len(folds)), f"C {c:g}")
            for c in C_VALUES:
                accuracy = float((scores[c].argmax(axis=1) == labels).mean())
                if (accuracy, -c, -gamma) > best:
                    best = (accuracy, -c, -gamma)
                    held_out = scores[c]
        accuracy, c, gamma = best[0], -best[1], -best[2]
        machine = _fit(np.exp(-gamma * squared), labels, c)
        sharpness = _sharpness(held_out, labels)
        return cls(len(folds), c, gamma, sharpness, accuracy, table, machine)

    def predict_proba(self, table: FloatArray) -> FloatArray:
        """Probabilities of the quadrants, shape (n_rows, 4)."""
        kernel = np.exp(-self.gamma * cdist(table, self._table, "sqeuclidean"))
        probabilities: FloatArray = softmax(self.sharpness * _scores(self._machine, kernel), axis=1)
        return probabilities


def _folds(labels: Labels, songs: Sequence[str]) -> list[tuple[Rows, Rows]]:
    n = min(N_FOLDS, len(set(songs)), int(np.bincount(labels).max()))
    folds: list[tuple[Rows, Rows]] = []
    if n > 1:
        folds = list(StratifiedGroupKFold(n).split(labels, labels, groups=list(songs)))
    if not folds or any(len(np.unique(labels[inside])) < 2 for inside, _ in folds):
        raise UserError(
            f"no cross-validation for C and gamma (songs to learn from: {len(set(songs))}): "
            "two quadrants must be left when the songs of a fold are held out"
        )
    return folds


def _fit(kernel: FloatArray, labels: Labels, c: float) -> SVC:
    return SVC(C=c, kernel="precomputed", decision_function_shape="ovr").fit(kernel, labels)


def _scores(machine: SVC, kernel: FloatArray) -> FloatArray:
    decision = machine.decision_function(kernel)
    if decision.ndim == 1:  # of two classes scikit-learn gives one number
        decision = np.stack([-decision, decision], axis=1)
    scores = np.full((len(kernel), N_QUADRANTS), _NEVER)
    scores[:, machine.classes_] = decision
    return scores


def _sharpness(scores: FloatArray, labels: Labels) -> float:
    """The factor under which the softmax of held-out scores makes the labels likeliest."""
    # No factor makes a quadrant likelier that is missing from all songs but those held out.
    learned = np.isfinite(scores[np.arange(len(labels)), labels])
    scores, labels = scores[learned], labels[learned]

    def surprise(log_factor: float) -> float:
        likely = log_softmax(np.exp(log_factor) * scores, axis=1)
        return float(-likely[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-3, 3), method="bounded").x))
