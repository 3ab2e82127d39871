from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from simulated import runs, simulate

from bench.intervals import Runs
from bench.statistics import (
    clips_needed,
    common_seeds,
    compare,
    holm,
    mean_std,
    runs_p,
    told_apart,
)


def test_the_deviation_is_the_papers() -> None:
    assert mean_std([1.0, 2.0, 4.0]) == pytest.approx((7 / 3, np.std([1, 2, 4], ddof=1)))
    assert mean_std([5.0]) == (5.0, None)


def test_without_noise_of_seeds_the_test_is_scipys_permutation_test() -> None:
    rng = np.random.default_rng(11)
    songs = np.repeat(np.arange(12), 4)
    first = (rng.random(48) < 0.7)[None]
    second = (rng.random(48) < 0.45)[None]
    by_song = np.bincount(songs, first[0].astype(float) - second[0])
    reference = stats.permutation_test(
        (by_song,), np.sum, permutation_type="samples", n_resamples=np.inf
    ).pvalue
    seeds = (0,)
    fixed = compare(
        Runs(first, seeds, deterministic=True), Runs(second, seeds, deterministic=True), songs
    )
    assert fixed.p == pytest.approx(reference, rel=1e-12)
    # Seeds that all answer alike say the same.
    alike = compare(runs(np.repeat(first, 5, 0)), runs(np.repeat(second, 5, 0)), songs)
    assert alike.p == fixed.p


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
def test_with_noise_of_seeds_it_is_the_share_of_draws_that_reach_the_difference(
    n_seeds: int,
) -> None:
    rng = np.random.default_rng(12)
    songs, first, second = simulate(rng, n_songs=15, clips=4, n_seeds=n_seeds, spread=0.3)
    by_seed = first.mean(axis=1) - second.mean(axis=1)
    error = by_seed.std(ddof=1) / n_seeds**0.5
    by_song = np.bincount(songs, (first.mean(axis=0) - second.mean(axis=0)) / len(songs))
    n = 200_000
    drawn = rng.choice([-1, 1], (n, 15)) @ by_song + error * rng.standard_t(n_seeds - 1, n)
    expected = float((np.abs(drawn) >= abs(by_seed.mean()) - 1e-12).mean())
    p = compare(runs(first), runs(second), songs).p
    assert p == pytest.approx(expected, abs=5 * (expected * (1 - expected) / n) ** 0.5)


@settings(deadline=None)
@given(st.permutations(range(8)), st.integers(1, 4))
def test_in_which_order_songs_are_numbered_changes_no_p(order: list[int], n_seeds: int) -> None:
    rng = np.random.default_rng(14)
    songs, first, second = simulate(rng, n_songs=8, clips=5, n_seeds=n_seeds, spread=0.3)
    p = compare(runs(first), runs(second), songs).p
    assert compare(runs(first), runs(second), np.array(order)[songs]).p == p


def test_where_nothing_differs_chance_explains_it() -> None:
    hits = np.ones((3, 10), bool)
    assert compare(runs(hits), runs(hits), np.arange(10)).p == 1


@pytest.mark.parametrize("n_seeds", [2, 10])
def test_lucky_seeds_do_not_pass_for_better(few_resamples: None, n_seeds: int) -> None:
    del few_resamples
    rng = np.random.default_rng(13)
    rejected = songs_alone = 0
    for _ in range(100):
        songs, first, second = simulate(rng, n_songs=40, clips=12, n_seeds=n_seeds, spread=0.4)
        p = compare(runs(first), runs(second), songs).p
        assert p is not None
        rejected += p < 0.05
        by_song = np.bincount(songs, (first.mean(axis=0) - second.mean(axis=0)))
        songs_alone += stats.ttest_1samp(by_song, 0).pvalue < 0.05
    assert rejected <= 8
    assert songs_alone >= 20  # what the test is there to prevent


def test_a_clear_difference_is_found(few_resamples: None) -> None:
    del few_resamples
    rng = np.random.default_rng(17)
    songs = np.repeat(np.arange(40), 3)
    first, second = rng.random((10, 120)) < 0.8, rng.random((10, 120)) < 0.5
    result = compare(runs(first), runs(second), songs)
    assert result.p is not None
    assert result.p < 0.01
    assert 0 < result.interval.low < 0.3 < result.interval.high


def test_the_interval_of_a_difference_draws_seeds_too() -> None:
    # A seed gets all clips right or none, so songs add nothing to the noise.
    lucky = np.array([1, 0, 1, 1, 0, 1, 0, 0, 1, 1], dtype=np.bool_)
    first = np.repeat(lucky[:, None], 60, axis=1)
    result = compare(runs(first), runs(np.zeros_like(first)), np.arange(60))
    error = lucky.std(ddof=1) / 10**0.5
    assert result.difference == pytest.approx(0.6)
    assert result.interval.low == pytest.approx(0.6 - 1.96 * error, abs=0.1)
    assert result.interval.high == pytest.approx(0.6 + 1.96 * error, abs=0.1)


def test_the_standard_error_is_that_of_a_mean_over_seeds() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random((6, 50)) < 0.6, rng.random((6, 50)) < 0.5
    songs = np.arange(50) // 5
    expected = stats.sem(first.mean(axis=1) - second.mean(axis=1))
    assert compare(runs(first), runs(second), songs).seed_error == pytest.approx(expected)
    assert compare(runs(first[:1]), runs(second[:1]), songs).seed_error is None


def test_one_seed_allows_no_test() -> None:
    rng = np.random.default_rng(19)
    hits = rng.random((2, 1, 30)) < 0.5
    result = compare(runs(hits[0]), runs(hits[1]), np.arange(30))
    assert result.p is None
    apart = told_apart([runs(np.ones((1, 30), bool)), runs(np.zeros((1, 30), bool))], np.arange(30))
    assert not apart.any()


def test_one_seed_allows_no_test_against_a_deterministic_method_either() -> None:
    songs = np.arange(30)
    once = runs(np.ones((1, 30), bool))
    fixed = Runs(np.zeros((1, 30), bool), (0,), deterministic=True)
    for pair in ((once, fixed), (fixed, once)):
        assert compare(*pair, songs).p is None
        assert not told_apart(pair, songs).any()


def test_only_seeds_that_both_have_are_compared() -> None:
    rng = np.random.default_rng(23)
    first, second = rng.random((2, 4, 30)) < 0.5
    ours, theirs = Runs(first, (0, 1, 2, 5)), Runs(second, (5, 9, 2, 7))
    assert common_seeds(ours, theirs) == (2, 5)
    result = compare(ours, theirs, np.arange(30))
    expected = first[[2, 3]].mean() - second[[2, 0]].mean()
    assert result.difference == pytest.approx(expected)
    assert result.n_seeds == 2
    with pytest.raises(ValueError, match="no seed in common"):
        compare(ours, Runs(second, (20, 21, 22, 23)), np.arange(30))


def test_a_deterministic_method_is_compared_with_every_seed() -> None:
    rng = np.random.default_rng(29)
    first, second = rng.random((1, 30)) < 0.5, rng.random((4, 30)) < 0.5
    result = compare(Runs(first, (0,), deterministic=True), runs(second), np.arange(30))
    assert result.n_seeds == 4
    assert result.difference == pytest.approx(first.mean() - second.mean())


def test_the_effect_size_is_cohens_g() -> None:
    first = np.array([[True] * 6 + [False] * 2 + [True] * 12])
    second = np.array([[False] * 6 + [True] * 2 + [True] * 12])
    result = compare(runs(first), runs(second), np.arange(20))
    assert (result.first_only, result.second_only) == (6 / 20, 2 / 20)
    assert result.effect_size == pytest.approx(6 / 8 - 0.5)
    assert compare(runs(first), runs(first), np.arange(20)).effect_size == 0


def test_p_of_seeds_is_the_paired_t_tests() -> None:
    rng = np.random.default_rng(43)
    first, second = rng.random((6, 50)) < 0.6, rng.random((6, 50)) < 0.5
    result = compare(runs(first), runs(second), np.arange(50))
    expected = stats.ttest_rel(first.mean(axis=1), second.mean(axis=1)).pvalue
    assert result.p_seeds == pytest.approx(expected)
    # It asks nothing of songs: of the same runs on one song, p is other and this is the same.
    one_song = compare(runs(first), runs(second), np.zeros(50, dtype=np.int64))
    assert one_song.p_seeds == result.p_seeds
    assert one_song.p != result.p
    for n_seeds in (1, 3):  # alone, or all the same
        same = compare(runs(first[:1].repeat(n_seeds, 0)), runs(second[:n_seeds]), np.arange(50))
        assert (same.p_seeds is None) == (n_seeds == 1)
    # Three times a tenth have a mean that is no tenth, and a deviation above 0.
    tenth = np.repeat([[True] + [False] * 9], 3, axis=0)
    assert compare(runs(tenth), runs(np.zeros_like(tenth)), np.arange(10)).p_seeds is None


def test_the_mean_square_is_of_means_over_seeds() -> None:
    first = np.array([[True, True, False, False], [True, False, True, False]])
    second = np.zeros((2, 4), dtype=bool)
    result = compare(runs(first), runs(second), np.arange(4))
    assert result.mean_square == (1**2 + 0.5**2 + 0.5**2 + 0) / 4
    # Of one seed it is the share of clips on which the two differ.
    alone = compare(runs(first[:1]), runs(second[:1]), np.arange(4))
    assert alone.mean_square == alone.first_only + alone.second_only


@pytest.mark.parametrize("clips", [1, 4])
def test_clips_that_say_the_same_raise_the_design_effect(clips: int) -> None:
    first = np.repeat([[True, False, True, True, False, False]], clips, axis=1)
    second = np.repeat([[False, True, False, True, True, False]], clips, axis=1)
    songs = np.repeat(np.arange(6), clips)
    assert compare(runs(first), runs(second), songs).design_effect == pytest.approx(clips)


def test_the_design_effect_is_of_means_over_seeds() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.random((6, 48)) < 0.7, rng.random((6, 48)) < 0.4
    songs = np.repeat(np.arange(12), 4)
    by_clip = (first.astype(float) - second).mean(axis=0)
    noise = by_clip - by_clip.mean()
    expected = (np.bincount(songs, noise) ** 2).sum() / (noise**2).sum()
    assert compare(runs(first), runs(second), songs).design_effect == pytest.approx(expected)


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 2**32 - 1))
def test_swapping_the_methods_turns_the_sign(seed: int) -> None:
    rng = np.random.default_rng(seed)
    songs = rng.integers(0, 10, 30)
    first, second = rng.random((2, 3, 30)) < 0.5
    there, back = (
        compare(runs(first), runs(second), songs),
        compare(runs(second), runs(first), songs),
    )
    assert there.difference == pytest.approx(-back.difference)
    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-6)
    assert there.effect_size == pytest.approx(-back.effect_size)
    assert (there.first_only, there.design_effect) == pytest.approx(
        (back.second_only, back.design_effect)
    )


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_keeps_order_and_lies_between_none_and_bonferroni(p: list[float]) -> None:
    corrected = holm(p)
    for raw, value in zip(p, corrected, strict=True):
        assert raw <= value <= min(1.0, raw * len(p)) or value == pytest.approx(max(corrected))
    assert min(corrected) == pytest.approx(min(1.0, min(p) * len(p)))
    assert np.all(np.diff(np.array(corrected)[np.argsort(p, kind="stable")]) >= 0)


def test_equal_methods_are_not_told_apart_and_unequal_ones_are() -> None:
    rng = np.random.default_rng(31)
    songs = np.repeat(np.arange(40), 5)
    good, same, bad = (rng.random((5, 200)) < share for share in (0.8, 0.8, 0.4))
    apart = told_apart([runs(good), runs(same), runs(bad)], songs)
    assert apart.tolist() == [[0, 0, 1], [0, 0, 1], [-1, -1, 0]]


def test_many_methods_do_not_hide_a_difference() -> None:
    rng = np.random.default_rng(37)
    songs = np.repeat(np.arange(40), 3)
    shares = [0.95] * 18 + [0.3] * 18  # 630 pairs
    methods = [runs(rng.random((10, 120)) < share) for share in shares]
    apart = told_apart(methods, songs)
    assert (apart[:18, 18:] == 1).all()
    assert (apart[18:, :18] == -1).all()


def test_the_better_one_is_that_of_the_seeds_that_both_have() -> None:
    rng = np.random.default_rng(41)
    shares = np.array([[0.5]] * 5 + [[0.95]] * 8)
    more = Runs(rng.random((13, 200)) < shares, seeds=tuple(range(13)))
    fewer = Runs(rng.random((5, 200)) < 0.7, seeds=tuple(range(5)))
    assert more.hits.mean() > fewer.hits.mean()
    assert told_apart([more, fewer], np.arange(200)).tolist() == [[0, -1], [1, 0]]


def test_more_pairs_need_more_evidence() -> None:
    right, wrong = (
        Runs(np.full((1, 6), hit), seeds=(0,), deterministic=True) for hit in (True, False)
    )
    assert told_apart([right, wrong], np.arange(6))[0, 1]  # p = 2 / 64
    assert not told_apart([right, wrong, right], np.arange(6)).any()  # two and three times that


def test_so_many_clips_find_the_difference_four_times_in_five() -> None:
    difference, discordance = 0.0417, 0.25
    n = clips_needed(difference, discordance)
    wins = (discordance + difference) / 2
    rng = np.random.default_rng(37)
    b, c, _ = rng.multinomial(n, [wins, wins - difference, 1 - discordance], size=40_000).T
    found = np.abs(b - c) / np.sqrt(b + c) > stats.norm.ppf(0.975)
    assert found.mean() == pytest.approx(0.8, abs=0.01)
    assert clips_needed(difference, discordance, design_effect=2.0) == pytest.approx(2 * n, abs=1)
    assert clips_needed(-difference, discordance) == n


@pytest.mark.parametrize(("difference", "discordance"), [(0.3, 0.4), (0.2, 0.2)])
def test_the_number_of_clips_is_connors(difference: float, discordance: float) -> None:
    found, kept = stats.norm.ppf(0.8), stats.norm.ppf(0.975)
    root = kept * discordance**0.5 + found * (discordance - difference**2) ** 0.5
    n = clips_needed(difference, discordance)
    assert n == np.ceil((root / difference) ** 2)
    # Songs never make up for clips.
    assert clips_needed(difference, discordance, design_effect=0.5) == n


def test_a_difference_needs_clips_to_differ_on() -> None:
    with pytest.raises(ValueError, match="discordance"):
        clips_needed(0.05, 0.02)


@pytest.mark.parametrize("ours", [[0.51, 0.55, 0.47, 0.53, 0.50], [0.51, 0.55]])
def test_runs_against_a_published_mean_are_scipys_welch_test(ours: list[float]) -> None:
    expected = stats.ttest_ind_from_stats(
        np.mean(ours), np.std(ours, ddof=1), len(ours), 0.5875, 0.0313, 10, equal_var=False
    ).pvalue
    assert runs_p(ours, 0.5875, 0.0313, 10) == pytest.approx(expected)


def test_runs_that_say_nothing_of_others_have_no_p() -> None:
    assert runs_p([0.5], 0.5875, 0.0313, 10) is None
    assert runs_p([0.5, 0.5], 0.6, 0.0, 10) is None
