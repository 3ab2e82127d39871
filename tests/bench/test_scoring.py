from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from bench.scoring import score, score_predictions

quadrants = st.integers(0, 3)
pairs = st.lists(st.tuples(quadrants, quadrants), min_size=1, max_size=60)


@settings(deadline=None, max_examples=50)
@given(pairs)
def test_scores_are_those_of_scikit_learn(answers: list[tuple[int, int]]) -> None:
    true, predicted = zip(*answers, strict=True)
    scores = score_predictions(true, predicted)
    expected_f1 = f1_score(true, predicted, labels=range(4), average="macro", zero_division=0)
    assert scores.n == len(answers)
    assert scores.accuracy == pytest.approx(accuracy_score(true, predicted), abs=1e-12)
    assert scores.macro_f1 == pytest.approx(expected_f1, abs=1e-12)
    assert scores.confusion == confusion_matrix(true, predicted, labels=range(4)).tolist()


@settings(deadline=None, max_examples=50)
@given(pairs)
def test_valence_and_arousal_are_the_axes_of_the_quadrants(answers: list[tuple[int, int]]) -> None:
    scores = score_predictions(*zip(*answers, strict=True))
    valence = [(t in (0, 3)) == (p in (0, 3)) for t, p in answers]
    arousal = [(t in (0, 1)) == (p in (0, 1)) for t, p in answers]
    assert scores.valence_accuracy == pytest.approx(np.mean(valence))
    assert scores.arousal_accuracy == pytest.approx(np.mean(arousal))
    # A quadrant is right when both of its halves are.
    both = np.logical_and(valence, arousal)
    assert scores.accuracy == pytest.approx(np.mean(both))


def test_the_largest_probability_decides_and_the_first_among_equals() -> None:
    scores = score([1, 0, 3], [[0.1, 0.4, 0.3, 0.2], [0.25, 0.25, 0.25, 0.25], [0.5, 0, 0, 0.5]])
    assert scores.confusion == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_a_quadrant_that_is_never_true_and_never_predicted_counts_as_zero() -> None:
    assert score_predictions([0, 1], [0, 1]).macro_f1 == pytest.approx(0.5)


def test_nothing_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        score_predictions([], [])
