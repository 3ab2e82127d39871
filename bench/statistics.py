"""What ten seeds and a small test set allow to say of two methods, and of the paper's value.

`bench.intervals` is about one method alone, and says what `songs` are. Differences of accuracies
are fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bench.intervals import ALPHA, mean_over_seeds, percentiles, resampled_means

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from bench.intervals import Interval, Runs

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]
    Matrix = TypeVar("Matrix", BoolArray, IntArray)

_POWER = 0.8  # of the number of clips that is asked for


def mean_std(values: ArrayLike) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof = 1, as in the paper); None for a single value."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same clips with the same seeds: the first minus the second."""

    difference: float  # of the accuracies
    interval: Interval
    p: (
        float | None
    )  # two-sided, of other songs and seeds; None where one seed says nothing of others
    p_seeds: float | None  # of other seeds on these very clips; None if no seed differs from others
    first_only: float  # share of the clips that only the first gets right, mean over seeds
    second_only: float
    mean_square: float  # over clips, of the difference's mean over seeds
    design_effect: float  # variance of that mean over the one of as many clips of as many songs
    seed_error: float | None  # standard error of the difference over seeds; None of one seed
    n_seeds: int
    n_clips: int

    @property
    def effect_size(self) -> float:
        """Cohen's g: the share of the clips they differ on that the first wins, minus one half.

        0.05 is called small, 0.15 medium and 0.25 large; 0.5 is all of them.
        """
        differ = self.first_only + self.second_only
        return self.first_only / differ - 0.5 if differ else 0.0


def compare(first: Runs, second: Runs, songs: IntArray) -> Comparison:
    """Compare two methods, clip by clip and seed by seed, over the seeds that both have.

    The null distribution is that of the paired permutation test over songs (the sign of every
    song's difference turned by a coin) plus the error of a mean over so few seeds (Student's t).
    It is computed, not drawn: a p-value does not depend on luck. Songs alone would take a lucky set
    of seeds for a better method. In simulations of equal methods
    (benchmarks/simulations.py) this test calls up to 4 % of the pairs different at the 5 % level.

    `p_seeds` is the paired t-test over seeds: what a paper asks that reports mean and deviation of
    runs on one test set. It says nothing of other songs: of methods that are equal over all, but
    each with songs that suit it, it calls 4 to 23 % different.

    Raises:
        ValueError: the methods have no seed in common.
    """
    ours, theirs = _paired((first, first.hits), (second, second.hits))
    n_seeds, n_clips = ours.shape
    by_clip = ours.astype(np.float64) - theirs
    members = _membership(songs)
    difference = _Difference.of(_Hits.of(first, members), _Hits.of(second, members))
    mean_by_clip = by_clip.mean(axis=0, keepdims=True)
    return Comparison(
        difference=float(by_clip.mean()),
        interval=percentiles(mean_over_seeds(resampled_means(by_clip.T, songs))),
        p=difference.p,
        p_seeds=_seeds_p(by_clip.mean(axis=1)),
        first_only=float((ours & ~theirs).mean()),
        second_only=float((theirs & ~ours).mean()),
        mean_square=float((mean_by_clip**2).mean()),
        design_effect=_design_effect(mean_by_clip, members),
        seed_error=difference.error / difference.n_answers if n_seeds > 1 else None,
        n_seeds=n_seeds,
        n_clips=n_clips,
    )


@dataclass(frozen=True)
class Tested:
    """A comparison, one of a family, with its p-values corrected for all of the family (Holm)."""

    result: Comparison
    p: float | None  # as there
    p_seeds: float | None

    @property
    def verdict(self) -> str:
        """Whether the two methods can be told apart, in words."""
        if self.p is None:
            return "n = 1: no test"
        if self.p >= ALPHA:
            return "no"
        return "yes, better" if self.result.difference > 0 else "yes, worse"


def tested(family: Sequence[Comparison]) -> list[Tested]:
    """Correct the p-values of comparisons that are made together."""
    p, p_seeds = (
        _corrected([getattr(result, field) for result in family]) for field in ("p", "p_seeds")
    )
    return [Tested(*of) for of in zip(family, p, p_seeds, strict=True)]


def told_apart(methods: Sequence[Runs], songs: IntArray) -> IntArray:
    """Which pairs of methods differ at the 5 % level, by the test of `compare`, Holm-corrected.

    Returns:
        Shape (n_methods, n_methods): 1 where the row's method is better than the column's over
        the seeds that both have, -1 where it is worse, 0 where the two are not told apart. Those
        are also pairs that one seed leaves untested, or that have none in common.
    """
    members = _membership(songs)
    pairs = [
        (i, j)
        for i, j in combinations(range(len(methods)), 2)
        if common_seeds(methods[i], methods[j])
    ]
    hits = [_Hits.of(runs, members) for runs in methods]
    differences = [(pair, _Difference.of(*(hits[i] for i in pair))) for pair in pairs]
    tested = [
        (pair, np.sign(difference.by_song.sum()), p)
        for pair, difference in differences
        if (p := difference.p) is not None
    ]
    apart = np.zeros((len(methods), len(methods)), dtype=np.int64)
    for ((i, j), sign, _), p in zip(tested, holm([p for *_, p in tested]), strict=True):
        if p < ALPHA:
            apart[i, j], apart[j, i] = sign, -sign
    return apart


@dataclass(frozen=True, eq=False)
class _Hits:
    """How many clips of each song a method gets right, with each seed."""

    runs: Runs
    by_song: IntArray  # shape (n_seeds, n_songs)

    @classmethod
    def of(cls, runs: Runs, members: FloatArray) -> _Hits:
        # As floats, which have a fast product; whole numbers are exact in them.
        return cls(runs, (runs.hits.astype(np.float64) @ members.T).astype(np.int64))


@dataclass(frozen=True, eq=False)
class _Difference:
    """What the test needs to know of two methods, in right answers over all seeds."""

    by_song: IntArray  # shape (n_songs,)
    error: float  # standard error of their sum over seeds
    n_seeds: int
    n_answers: int  # that could be right: clips times seeds
    testable: bool  # False where one seed says nothing of others

    @classmethod
    def of(cls, first: _Hits, second: _Hits) -> _Difference:
        ours, theirs = _paired((first.runs, first.by_song), (second.runs, second.by_song))
        n_seeds = len(ours)
        by_song = ours - theirs
        fixed = first.runs.deterministic and second.runs.deterministic
        _, std = mean_std(by_song.sum(axis=1))
        return cls(
            by_song.sum(axis=0),
            (std or 0.0) * n_seeds**0.5,
            n_seeds,
            n_seeds * first.runs.hits.shape[1],
            fixed or n_seeds > 1,
        )

    @property
    def p(self) -> float | None:
        """Two-sided p; None where there is no test."""
        if not self.testable:
            return None
        chances = _flipped(self.by_song)
        sums = np.arange(len(chances)) * 2 - (len(chances) - 1)
        beyond = sums - abs(int(self.by_song.sum()))
        reached: NDArray[Any] = beyond >= 0
        if self.error:
            from scipy.special import stdtr  # see `_t_test`

            # With the error that a mean over seeds has, any sum may reach the measured one.
            reached = stdtr(self.n_seeds - 1, beyond / self.error)
        # Both tails are alike. Where nothing differs they meet.
        return min(float(2 * chances @ reached), 1.0)


def _flipped(by_song: IntArray) -> FloatArray:
    """How likely each sum of songs' differences is if a coin turns the sign of each.

    Args:
        by_song: whole numbers, shape (n_songs,).

    Returns:
        Shape (total + 1,), where total is the sum of absolute values: the chance of the sums
        -total, -total + 2 .. total. There are no others.
    """
    chances = np.ones(1)
    for step in sorted(np.abs(by_song).tolist()):  # small ones first, while the array is small
        halves = chances / 2
        chances = np.concatenate((halves, np.zeros(step)))
        chances[step:] += halves
    return chances


def common_seeds(first: Runs, second: Runs) -> tuple[int, ...]:
    """The seeds over which two methods are compared; a deterministic one has all."""
    if first.deterministic:
        return second.seeds
    if second.deterministic:
        return first.seeds
    return tuple(seed for seed in first.seeds if seed in second.seeds)


def _paired(first: tuple[Runs, Matrix], second: tuple[Runs, Matrix]) -> tuple[Matrix, Matrix]:
    """The rows of two matrices for the seeds that both methods have.

    Raises:
        ValueError: there are none.
    """
    seeds = common_seeds(first[0], second[0])
    if not seeds:
        raise ValueError("no seed in common")

    def rows(runs: Runs, matrix: Matrix) -> Matrix:
        if runs.deterministic:
            return np.repeat(matrix[:1], len(seeds), axis=0)
        return matrix[[runs.seeds.index(seed) for seed in seeds]]

    return rows(*first), rows(*second)


def _design_effect(by_clip: FloatArray, members: FloatArray) -> float:
    """Variance of the sum of clips that come in songs over that of as many independent ones."""
    centred = by_clip - by_clip.mean(axis=1, keepdims=True)
    free = float((centred**2).sum())
    return float(((centred @ members.T) ** 2).sum()) / free if free else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of a family of tests, corrected for their number (Holm 1979), in the given order."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in corrected]


def _corrected(p_values: Sequence[float | None]) -> list[float | None]:
    """By Holm's method for as many tests as there are."""
    corrected = iter(holm([p for p in p_values if p is not None]))
    return [None if p is None else next(corrected) for p in p_values]


def runs_p(values: ArrayLike, mean: float, std: float, n: int) -> float | None:
    """Two-sided p of Welch's t-test of some runs' scores against the mean of n others.

    What it asks is whether runs alone, on the same test clips, explain the difference.

    Args:
        values: scores, one a run.
        mean: of the others.
        std: their sample standard deviation.
        n: how many they are, at least 2.

    Returns:
        None where there is one run only, or no run differs from another on either side.
    """
    scores = np.asarray(values, dtype=np.float64)
    if len(scores) < 2:
        return None
    ours, theirs = scores.var(ddof=1) / len(scores), std**2 / n
    if not ours + theirs:
        return None
    freedom = (ours + theirs) ** 2 / (ours**2 / (len(scores) - 1) + theirs**2 / (n - 1))
    return _t_test(float(scores.mean()) - mean, (ours + theirs) ** 0.5, freedom)


def _seeds_p(differences: FloatArray) -> float | None:
    """Two-sided p of a paired t-test over seeds; None with one, or if all differ by the same."""
    mean, std = mean_std(differences)
    if std is None or not np.ptp(differences):
        return None
    return _t_test(mean, std / len(differences) ** 0.5, len(differences) - 1)


def _t_test(difference: float, error: float, freedom: float) -> float:
    """Two-sided p of a difference with this standard error."""
    from scipy.special import stdtr  # takes as long to import as most commands take to start

    return float(2 * stdtr(freedom, -abs(difference) / error))


def clips_needed(difference: float, discordance: float, *, design_effect: float = 1.0) -> int:
    """How many test clips it takes to see a difference, four times in five, at the 5 % level.

    The sample size of McNemar's test (Connor 1987), times the design effect of songs.

    Args:
        difference: of the accuracies, a fraction.
        discordance: share of the clips that just one of the two gets right; of means over seeds,
            the mean square of the clips' differences, which is that share where there is one seed.
        design_effect: how many clips of songs count for one that stands alone.

    Raises:
        ValueError: methods that differ on so few clips cannot differ by that much.
    """
    difference = abs(difference)
    if not 0 < difference <= discordance:
        raise ValueError(f"a difference of {difference} with a discordance of {discordance}")
    normal = NormalDist()
    n = (
        normal.inv_cdf(1 - ALPHA / 2) * discordance**0.5
        + normal.inv_cdf(_POWER) * (discordance - difference**2) ** 0.5
    ) ** 2 / difference**2
    return int(np.ceil(n * max(design_effect, 1.0)))


def _membership(songs: IntArray) -> FloatArray:
    """Shape (n_songs, n_clips): 1 where a clip is of a song."""
    ids, of = np.unique(songs, return_inverse=True)
    return np.eye(len(ids))[:, of]
