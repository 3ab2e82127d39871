"""From labels and probabilities to the figures on the board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.labels import HIGH_AROUSAL, HIGH_VALENCE, N_QUADRANTS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


#: Which cells of a confusion matrix hold clips whose valence, or arousal, was found.
_SAME_VALENCE = HIGH_VALENCE[:, None] == HIGH_VALENCE
_SAME_AROUSAL = HIGH_AROUSAL[:, None] == HIGH_AROUSAL


class Scores(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scores over one set of clips or segments; fractions, not per cent."""

    n: int
    accuracy: float
    macro_f1: float
    valence_accuracy: float
    arousal_accuracy: float
    confusion: list[list[int]]  # rows are true quadrants, columns predicted ones


def score(labels: ArrayLike, probabilities: ArrayLike) -> Scores:
    """Score predictions.

    Args:
        labels: quadrants 0..3, shape (n,).
        probabilities: shape (n, 4); the largest of a row is its prediction, the first among equals.

    Returns:
        Accuracy and macro-F1 (mean of the four quadrants' F1, 0 for one never predicted and never
        true, as scikit-learn counts it with labels=0..3), accuracy of the predicted quadrant's
        valence and arousal, and the confusion matrix.
    """
    return score_predictions(labels, np.asarray(probabilities, dtype=np.float64).argmax(axis=1))


def score_predictions(labels: ArrayLike, predictions: ArrayLike) -> Scores:
    """`score` for quadrants already decided, shape (n,)."""
    true = np.asarray(labels, dtype=np.int64)
    predicted = np.asarray(predictions, dtype=np.int64)
    if not len(true):
        raise ValueError("nothing to score")
    confusion = np.bincount(N_QUADRANTS * true + predicted, minlength=N_QUADRANTS**2)
    confusion = confusion.reshape(N_QUADRANTS, N_QUADRANTS)
    return Scores(
        n=len(true),
        accuracy=float(np.trace(confusion) / len(true)),
        macro_f1=float(macro_f1(confusion)),
        valence_accuracy=float(confusion[_SAME_VALENCE].sum() / len(true)),
        arousal_accuracy=float(confusion[_SAME_AROUSAL].sum() / len(true)),
        confusion=confusion.tolist(),
    )


def macro_f1(confusion: NDArray[np.number[Any]]) -> NDArray[np.float64]:
    """Macro-averaged F1 of confusion matrices, shape (..., 4, 4) to (...); rows are true."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    total = confusion.sum(axis=-2) + confusion.sum(axis=-1)
    f1 = np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)
    means: NDArray[np.float64] = f1.mean(axis=-1)
    return means
