import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_selection import f_classif

from baselines import selection
from baselines.selection import anova_f, relieff, top
from baselines.tables import Standardiser, varying_columns


def test_top_takes_the_earlier_of_equals() -> None:
    assert top(np.array([1.0, 3.0, 2.0, 3.0]), 3).tolist() == [1, 3, 2]


def test_anova_agrees_with_scikit_learn() -> None:
    random = np.random.default_rng(0)
    table, labels = random.normal(size=(50, 6)), random.integers(0, 4, 50)
    assert np.allclose(anova_f(table, labels), f_classif(table, labels)[0])


def test_anova_of_columns_that_tell_nothing_or_everything() -> None:
    labels = np.array([0, 0, 1, 1])
    table = np.stack([np.ones(4), labels.astype(float)], axis=1)
    assert anova_f(table, labels).tolist() == [0, np.inf]


@given(st.integers(0, 1000))
def test_anova_puts_a_column_that_tells_everything_first(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, 100)
    table = np.stack([random.normal(size=4)[labels], random.normal(size=100)], axis=1)
    assert top(anova_f(Standardiser(table)(table), labels), 1).tolist() == [0]


def test_relieff_of_four_clips_by_hand() -> None:
    # Ranges are 4 and 1. Nearest hits: 0-1 and 2-3; each has both others as misses with k = 2.
    table = np.array([[0, 0], [1, 1], [3, 0], [4, 1]], dtype=float)
    labels = np.array([0, 0, 1, 1])
    hits = np.array([1 / 4, 1])
    misses = np.array([(3 / 4 + 1 + 2 / 4 + 3 / 4) / 4, 1 / 2])
    weights = relieff(table, labels, ["a", "b", "c", "d"], n_neighbours=2)
    assert weights == pytest.approx(misses - hits)


def test_relieffs_nearest_are_those_of_the_least_sum_of_differences() -> None:
    # As the crow flies, 2 would be the nearest hit of 0 and of 1.
    table = np.array([[0, 0], [0.65, 0], [0.4, 0.45], [1, 1]])
    hits = np.array([[0.65, 0], [0.65, 0], [0.25, 0.45]])
    misses = np.array([[1, 1], [0.35, 1], [0.6, 0.55], [0.6, 0.55]])
    weights = relieff(table, np.array([0, 0, 0, 1]), list("abcd"), n_neighbours=1)
    assert weights == pytest.approx((misses.sum(axis=0) - hits.sum(axis=0)) / 4)


def test_relieff_looks_at_ten_neighbours() -> None:
    random = np.random.default_rng(5)
    table, labels = random.normal(size=(60, 4)), random.integers(0, 2, 60)
    songs = [str(i) for i in range(60)]
    nine, ten, eleven = (relieff(table, labels, songs, n_neighbours=n) for n in (9, 10, 11))
    found = relieff(table, labels, songs)
    assert np.array_equal(found, ten)
    assert not np.allclose(found, nine)
    assert not np.allclose(found, eleven)


def test_relieff_is_the_same_however_many_clips_are_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(6)
    table, labels = random.normal(size=(40, 5)), random.integers(0, 4, 40)
    songs = [str(i // 2) for i in range(40)]
    whole = relieff(table, labels, songs)
    monkeypatch.setattr(selection, "_BLOCK", 7)
    assert relieff(table, labels, songs) == pytest.approx(whole)


def test_relieff_sees_what_only_two_columns_together_tell() -> None:
    # The textbook case (Kononenko 1994): a parity that no single column correlates with.
    random = np.random.default_rng(1)
    table = random.integers(0, 2, size=(300, 8)).astype(float)
    labels = (table[:, 2] != table[:, 5]).astype(int)
    weights = relieff(table, labels, [str(i) for i in range(300)])
    assert set(top(weights, 2).tolist()) == {2, 5}


def test_relieff_weighs_misses_by_how_common_their_class_is() -> None:
    random = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], [60, 60, 6])
    common = np.where(labels == 1, 1.0, 0.0) + random.normal(0, 0.05, 126)
    rare = np.where(labels == 2, 1.0, 0.0) + random.normal(0, 0.05, 126)
    weights = relieff(np.stack([common, rare], axis=1), labels, [str(i) for i in range(126)])
    assert weights[0] > 2 * weights[1]


def test_relieff_is_not_deceived_by_copies_of_a_song() -> None:
    random = np.random.default_rng(3)
    songs = np.repeat(np.arange(40), 4)
    labels = np.arange(40)[songs] % 2
    useful = labels + random.normal(0, 0.6, 160)
    identity = random.normal(size=40)[songs]  # the same in all clips of a song, of no meaning
    table = np.stack([useful, identity], axis=1)
    with_songs = relieff(table, labels, [str(s) for s in songs], n_neighbours=3)
    without = relieff(table, labels, [str(i) for i in range(160)], n_neighbours=3)
    assert without[1] > without[0]
    assert with_songs[0] > with_songs[1]


@given(st.permutations(range(5)))
def test_relieff_does_not_care_where_a_column_stands(order: list[int]) -> None:
    random = np.random.default_rng(4)
    table, labels = random.normal(size=(30, 5)), np.arange(30) % 3
    songs = [str(i) for i in range(30)]
    assert np.allclose(
        relieff(table[:, order], labels, songs), relieff(table, labels, songs)[order]
    )


def test_standardiser_leaves_out_what_does_not_vary() -> None:
    table = np.array([[1, 5, 0, np.nan], [1, 7, np.nan, np.nan], [1, 9, np.inf, np.nan]])
    standardise = Standardiser(table)
    assert standardise.varying.tolist() == [1]
    assert standardise(table).std() == pytest.approx(1)


def test_a_column_that_differs_by_rounding_alone_does_not_vary() -> None:
    # A tempo of 120, as a quotient; beside it a small and a large column that do vary.
    tempo = np.nextafter(120, [119, 120, 121])
    for sign in (1, -1):
        table = sign * np.stack([tempo, [0, 1e-12, 2e-12], 1e6 + np.arange(3)], axis=1)
        assert varying_columns(table).tolist() == [1, 2]


def test_standardiser_puts_an_unknown_value_at_the_mean() -> None:
    standardise = Standardiser(np.array([[1.0], [3.0], [np.nan]]))
    assert standardise(np.array([[2.0], [3.0], [np.nan], [-np.inf]])).ravel().tolist() == [
        0,
        1,
        0,
        0,
    ]
