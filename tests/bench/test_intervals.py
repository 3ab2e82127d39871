from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats
from simulated import Songs, runs, simulate

from bench import intervals
from bench.intervals import Interval, Runs, accuracy_intervals, macro_f1_interval
from bench.scoring import score_predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray


def accuracy_interval(method: Runs, songs: Songs) -> Interval:
    (interval,) = accuracy_intervals([method], songs)
    return interval


def test_clips_of_their_own_songs_give_scipys_bootstrap() -> None:
    hits = np.random.default_rng(1).random(150) < 0.65
    ours = accuracy_interval(runs(hits[None]), np.arange(150))
    theirs = stats.bootstrap(
        (hits.astype(float),), np.mean, method="percentile", n_resamples=9999, rng=2
    ).confidence_interval
    # Both jump in steps of 1/150 and are drawn with different numbers.
    assert ours.low == pytest.approx(theirs.low, abs=1.5 / 150)
    assert ours.high == pytest.approx(theirs.high, abs=1.5 / 150)


@pytest.mark.parametrize("n_seeds", [5, 40])
def test_seeds_alone_give_the_normal_interval_of_their_mean(n_seeds: int) -> None:
    # Every clip is right or wrong together: songs cannot add to the noise.
    share = np.random.default_rng(5).random(n_seeds)
    means = share[:, None] * np.ones((n_seeds, 1))
    resamples = intervals.mean_over_seeds(np.repeat(means.T, 20_000, axis=0))
    assert resamples.std() == pytest.approx(share.std(ddof=1) / n_seeds**0.5, rel=0.02)


def test_intervals_together_are_those_of_each_alone() -> None:
    songs = np.repeat(np.arange(30), 10)
    rng = np.random.default_rng(3)
    methods = [runs(rng.random((n_seeds, 300)) < 0.1 * n_seeds) for n_seeds in (1, 3, 8)]
    together = accuracy_intervals(methods, songs)
    for one, interval in zip(methods, together, strict=True):
        alone = accuracy_interval(one, songs)
        assert (interval.low, interval.high) == pytest.approx((alone.low, alone.high), abs=1e-6)
        assert one.hits.mean() in interval


def test_means_of_resamples_are_exact() -> None:
    songs = np.repeat(np.arange(40), 36)
    hits = np.random.default_rng(2).random((len(songs), 3)) < 0.5
    # Songs of one length: every resample has as many clips as there are.
    shares = intervals.resampled_means(np.eye(len(songs), dtype=np.bool_), songs)
    counts = np.rint(shares * len(songs)).astype(np.int64)
    exact = (counts @ hits.astype(np.int64)) / len(songs)
    assert np.array_equal(intervals.resampled_means(hits, songs), exact)


def test_songs_whose_clips_agree_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    song_right = rng.random(30) < 0.6
    hits = np.repeat(song_right, 10)[None]
    by_song = accuracy_interval(runs(hits), np.repeat(np.arange(30), 10))
    by_clip = accuracy_interval(runs(hits), np.arange(300))
    ratio = (by_song.high - by_song.low) / (by_clip.high - by_clip.low)
    assert ratio == pytest.approx(10**0.5, rel=0.15)  # ten clips that say the same count once


def test_the_clips_of_one_song_give_the_normal_interval() -> None:
    hits = (np.arange(100) % 2 == 0)[None]
    interval = accuracy_interval(runs(hits), np.zeros(100, dtype=np.int64))
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 0.05, abs=0.02)


def test_songs_of_unequal_length_leave_no_doubt_of_what_is_always_right() -> None:
    songs = np.repeat([0, 1, 2], [1, 2, 9])
    assert accuracy_interval(runs(np.ones((1, 12), bool)), songs) == Interval(1.0, 1.0)


def test_equal_records_give_equal_intervals() -> None:
    songs = np.repeat(np.arange(7), 3)
    hits = np.eye(21, dtype=np.bool_)
    before = intervals.resampled_means(hits, songs)
    intervals._drawn_counts.cache_clear()  # as in another process
    assert np.array_equal(intervals.resampled_means(hits, songs), before)


def test_intervals_cover_what_they_promise(few_resamples: None) -> None:
    del few_resamples
    # With the truth unknown in closed form, it is the mean over very many songs and seeds.
    rng = np.random.default_rng(7)
    _, many, _ = simulate(rng, n_songs=20_000, clips=3, n_seeds=20, spread=0.0)
    truth = many.mean()
    covered = 0
    for _ in range(80):
        songs, hits, _ = simulate(rng, n_songs=32, clips=3, n_seeds=5, spread=0.2)
        covered += truth in accuracy_interval(runs(hits), songs)
    assert 0.92 <= covered / 80 <= 1.0


def test_the_interval_of_macro_f1_surrounds_it() -> None:
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 4, 120)
    answers = np.where(rng.random((6, 120)) < 0.6, labels, rng.integers(0, 4, (6, 120)))
    f1 = np.mean([score_predictions(labels, row).macro_f1 for row in answers])
    interval = macro_f1_interval(labels, answers, np.arange(120) // 3)
    assert f1 in interval
    assert 0.1 < interval.high - interval.low < 0.3


def test_the_interval_of_macro_f1_is_corrected_for_bias(few_resamples: None) -> None:
    del few_resamples
    # Whole songs are known or guessed: few of them, so that the bias of resamples shows.
    rng = np.random.default_rng(12)
    chance = np.array([0.8, 0.6, 0.4, 0.3])

    def draw(n_songs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        labels = rng.integers(0, 4, n_songs)
        known = rng.random(n_songs) < chance[labels]
        answers = np.where(known, labels, rng.integers(0, 4, n_songs))
        return np.repeat(labels, 4), np.repeat(answers, 4)[None]

    labels, answers = draw(200_000)
    truth = score_predictions(labels, answers[0]).macro_f1
    too_low = too_high = 0
    for _ in range(200):
        labels, answers = draw(20)
        interval = macro_f1_interval(labels, answers, np.repeat(np.arange(20), 4))
        too_low += truth > interval.high
        too_high += truth < interval.low
    assert too_low <= 20  # 26 without the correction
    assert too_high <= 8


def test_of_four_songs_macro_f1_is_not_sure() -> None:
    labels = np.arange(4)
    interval = macro_f1_interval(labels, labels[None], labels)
    assert interval.low <= 0.5
    assert interval.high == pytest.approx(1.0)


def test_perfect_answers_leave_no_doubt() -> None:
    labels = np.tile(np.arange(4), 50)
    interval = macro_f1_interval(labels, np.tile(labels, (3, 1)), np.arange(200))
    assert (interval.low, interval.high) == pytest.approx((1.0, 1.0))
