"""What ten seeds and a small test set allow to say.

A method's answers on a test set are a matrix with a row for each seed and a column for each clip.
Its noise has two sources that cross: other songs would have given other columns, other seeds other
rows. Clips of one song resemble each other, so songs are drawn, not clips.

Everywhere `songs`, shape (n_clips,), is the song of each clip as any integers, and accuracies and
their differences are fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from bench.labels import N_QUADRANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]
    Matrix = TypeVar("Matrix", BoolArray, FloatArray)

LEVEL = 0.95
ALPHA = 1 - LEVEL
_RESAMPLES = 2_000
_FLIPS = 9_999
_SEED = 20220115  # any; fixed so that the same records give the same board


def mean_std(values: ArrayLike) -> tuple[float, float | None]:
    """Mean and sample standard deviation (ddof = 1, as in the paper); None for a single value."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


@dataclass(frozen=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, eq=False)
class Runs:
    """Which clips a method got right with which seed."""

    hits: BoolArray  # shape (n_seeds, n_clips)
    seeds: tuple[int, ...]
    #: The method does not depend on its seed: one run, which is all there is to know.
    deterministic: bool = False


def accuracy_interval(runs: Runs, songs: IntArray) -> Interval:
    """95 % interval of the mean accuracy over seeds.

    A percentile interval of a bootstrap that draws songs, then clips within them, then seeds. Of k
    seeds k - 1 are drawn, which makes the variance between them unbiased (Rao and Wu 1988); with
    one seed the interval knows nothing of other seeds. Where songs have few clips it is wider than
    it need be: in simulations it covered 96 to 99 % with 32 songs of 3 clips, and 96 % with 40
    songs of 12. Where two to five seeds differ by more than songs do it is too narrow, for a
    bootstrap does not know Student's t.
    """
    (interval,) = accuracy_intervals([runs], songs)
    return interval


def accuracy_intervals(methods: Sequence[Runs], songs: IntArray) -> list[Interval]:
    """`accuracy_interval` of several methods on the same clips.

    All seeds of all methods stand in one matrix: one wide product is ten times as fast as many
    narrow ones.
    """
    hits = np.concatenate([runs.hits for runs in methods]).T.astype(np.float32)
    ends = np.cumsum([len(runs.hits) for runs in methods])
    by_seed = np.split(_song_weights(songs) @ hits, ends[:-1], axis=1)
    return [_interval(_mean_over_seeds(part)) for part in by_seed]


def macro_f1_interval(labels: IntArray, answers: IntArray, songs: IntArray) -> Interval:
    """As `accuracy_interval`, of macro-F1, with its bias corrected (Efron 1981).

    Macro-F1 is no mean: resamples, which hold fewer different songs, have a lower one. Let the
    measured value be at the normal quantile b of the resamples; the ends are those at 2 b ± 1.96,
    the plain percentiles if b is 0. In simulations it covered 95 to 98 % with 32 songs of 3
    clips and 40 songs of 12, where the uncorrected one covered 93 to 97 % and missed nearly always
    by being too low; with 20 songs that are right or wrong as a whole it covered 90 %.

    Args:
        labels: true quadrants, shape (n_clips,).
        answers: predicted quadrants, shape (n_seeds, n_clips).
        songs: as everywhere.
    """
    cells = np.eye(N_QUADRANTS**2, dtype=np.float32)[labels * N_QUADRANTS + answers]
    resampled = np.einsum("rc,sck->rsk", _song_weights(songs), cells, optimize=True)
    means = _mean_over_seeds(_macro_f1(resampled))
    measured = float(_macro_f1(cells.mean(axis=1)).mean())
    below = np.count_nonzero(means < measured) + np.count_nonzero(means == measured) / 2
    normal = NormalDist()
    bias = normal.inv_cdf(min(max(below / len(means), 1 / len(means)), 1 - 1 / len(means)))
    ends = (normal.cdf(2 * bias + normal.inv_cdf(p)) for p in (ALPHA / 2, 1 - ALPHA / 2))
    low, high = np.quantile(means, list(ends))
    if low >= measured:  # of so few songs that resamples say nothing of the bias
        low = np.quantile(means, ALPHA / 2)
    return Interval(float(low), float(max(high, measured)))


def _macro_f1(confusion: NDArray[np.float32]) -> NDArray[np.float32]:
    """Macro-F1 of flat confusion matrices, shape (.., 16) to (..)."""
    square = confusion.reshape(*confusion.shape[:-1], N_QUADRANTS, N_QUADRANTS)
    found = np.diagonal(square, axis1=-2, axis2=-1)
    total = square.sum(axis=-2) + square.sum(axis=-1)
    f1: NDArray[np.float32] = np.divide(
        2 * found, total, out=np.zeros_like(total), where=total > 0
    ).mean(axis=-1)
    return f1


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same clips with the same seeds: the first minus the second."""

    difference: float  # of the accuracies
    interval: Interval
    p: float | None  # two-sided; None where one seed says nothing of others
    first_only: float  # share of the clips that only the first gets right, mean over seeds
    second_only: float
    design_effect: float  # variance over that of as many clips of as many songs
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
    Songs alone would take a lucky set of seeds for a better method: in simulations of two equal
    methods they call 10 to 50 % of the pairs different at the 5 % level, this test 1 to 3 %.

    Raises:
        ValueError: the methods have no seed in common.
    """
    ours, theirs = _paired((first, first.hits), (second, second.hits))
    n_seeds, n_clips = ours.shape
    by_clip = ours.astype(np.float64) - theirs
    members = _membership(songs)
    difference = _Difference.of(_Shares.of(first, members), _Shares.of(second, members))
    (p,) = _p_values([difference])
    return Comparison(
        difference=float(by_clip.mean()),
        interval=_interval(_mean_over_seeds(_song_weights(songs) @ by_clip.T.astype(np.float32))),
        p=p,
        first_only=float((ours & ~theirs).mean()),
        second_only=float((theirs & ~ours).mean()),
        design_effect=_design_effect(by_clip, members),
        seed_error=difference.error if n_seeds > 1 else None,
        n_seeds=n_seeds,
        n_clips=n_clips,
    )


def told_apart(methods: Sequence[Runs], songs: IntArray) -> BoolArray:
    """Which pairs of methods differ at the 5 % level, by the test of `compare`, Holm-corrected.

    Returns:
        A symmetric matrix, shape (n_methods, n_methods). Pairs that one seed leaves untested, or
        that have none in common, are not told apart.
    """
    members = _membership(songs)
    pairs = [
        (i, j)
        for i, j in combinations(range(len(methods)), 2)
        if common_seeds(methods[i], methods[j])
    ]
    shares = [_Shares.of(runs, members) for runs in methods]
    p_values = _p_values([_Difference.of(shares[i], shares[j]) for i, j in pairs])
    tested = [(pair, p) for pair, p in zip(pairs, p_values, strict=True) if p is not None]
    apart = np.zeros((len(methods), len(methods)), dtype=np.bool_)
    for ((i, j), _), p in zip(tested, holm([p for _, p in tested]), strict=True):
        apart[i, j] = apart[j, i] = p < ALPHA
    return apart


@dataclass(frozen=True, eq=False)
class _Shares:
    """What each song adds to a method's accuracy, with each seed."""

    runs: Runs
    of_songs: FloatArray  # shape (n_seeds, n_songs), rows sum to the accuracy

    @classmethod
    def of(cls, runs: Runs, members: FloatArray) -> _Shares:
        return cls(runs, runs.hits.astype(np.float64) @ members.T / runs.hits.shape[1])


@dataclass(frozen=True, eq=False)
class _Difference:
    """What the test needs to know of two methods."""

    by_song: FloatArray  # shape (n_songs,), sums to the difference of the accuracies
    error: float  # standard error of that difference over seeds
    n_seeds: int
    testable: bool

    @classmethod
    def of(cls, first: _Shares, second: _Shares) -> _Difference:
        ours, theirs = _paired((first.runs, first.of_songs), (second.runs, second.of_songs))
        n_seeds = len(ours)
        by_song = ours - theirs
        fixed = first.runs.deterministic and second.runs.deterministic
        _, std = mean_std(by_song.sum(axis=1))
        return cls(by_song.mean(axis=0), (std or 0.0) / n_seeds**0.5, n_seeds, fixed or n_seeds > 1)


def _p_values(differences: Sequence[_Difference]) -> list[float | None]:
    """Two-sided p of each, None where one seed says nothing of others. All over the same songs."""
    if not differences:
        return []
    by_song = np.array([difference.by_song for difference in differences])
    noise = by_song @ _coins(by_song.shape[1])
    p_values: list[float | None] = []
    for difference, flipped in zip(differences, noise, strict=True):
        if not difference.testable:
            p_values.append(None)
            continue
        if difference.error:
            flipped = flipped + difference.error * _students_t(difference.n_seeds - 1)
        # Sums in another order may differ in the last bit; equal ones count as reached.
        reached = np.abs(flipped) >= abs(difference.by_song.sum()) - 1e-12
        p_values.append(float((1 + reached.sum()) / (1 + _FLIPS)))
    return p_values


@lru_cache(maxsize=8)
def _coins(n_songs: int) -> FloatArray:
    """Signs of songs, shape (n_songs, n_flips)."""
    flips = np.random.default_rng(_SEED).integers(0, 2, size=(n_songs, _FLIPS))
    return (2 * flips - 1).astype(np.float64)


@lru_cache(maxsize=16)
def _students_t(freedom: int) -> FloatArray:
    """Draws of Student's t, shape (n_flips,)."""
    return np.random.default_rng([_SEED, freedom]).standard_t(freedom, size=_FLIPS)


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
    from scipy.special import stdtr  # takes as long to import as most commands take to start

    scores = np.asarray(values, dtype=np.float64)
    if len(scores) < 2:
        return None
    ours, theirs = scores.var(ddof=1) / len(scores), std**2 / n
    if not ours + theirs:
        return None
    freedom = (ours + theirs) ** 2 / (ours**2 / (len(scores) - 1) + theirs**2 / (n - 1))
    return float(2 * stdtr(freedom, -abs(scores.mean() - mean) / (ours + theirs) ** 0.5))


def clips_needed(
    difference: float, discordance: float, *, design_effect: float = 1.0, power: float = 0.8
) -> int:
    """How many test clips it takes to see a difference between two methods at the 5 % level.

    The sample size of McNemar's test (Connor 1987), times the design effect of songs.

    Args:
        difference: of the accuracies, a fraction.
        discordance: share of the clips that just one of the two gets right.
        design_effect: how many clips of songs count for one that stands alone.
        power: chance of seeing the difference if it is there.

    Raises:
        ValueError: methods that differ on so few clips cannot differ by that much.
    """
    difference = abs(difference)
    if not 0 < difference <= discordance:
        raise ValueError(f"a difference of {difference} with a discordance of {discordance}")
    normal = NormalDist()
    n = (
        normal.inv_cdf(1 - ALPHA / 2) * discordance**0.5
        + normal.inv_cdf(power) * (discordance - difference**2) ** 0.5
    ) ** 2 / difference**2
    return int(np.ceil(n * max(design_effect, 1.0)))


def _interval(resamples: NDArray[np.floating[Any]]) -> Interval:
    low, high = np.quantile(resamples, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(float(low), float(high))


def _mean_over_seeds(by_seed: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Means over seeds drawn anew for each row, shape (n_resamples, n_seeds)."""
    means: NDArray[np.floating[Any]] = np.einsum("rs,rs->r", by_seed, _seed_weights(*by_seed.shape))
    return means


@lru_cache(maxsize=16)
def _seed_weights(n_resamples: int, n_seeds: int) -> FloatArray:
    """Weights of the seeds in every resample, shape (n_resamples, n_seeds), rows sum to 1."""
    drawn = max(n_seeds - 1, 1)
    rng = np.random.default_rng([_SEED, n_seeds])
    return rng.multinomial(drawn, np.full(n_seeds, 1 / n_seeds), size=n_resamples) / drawn


def _membership(songs: IntArray) -> FloatArray:
    """Shape (n_songs, n_clips): 1 where a clip is of a song."""
    ids, of = np.unique(songs, return_inverse=True)
    return np.eye(len(ids))[:, of]


def _song_weights(songs: IntArray) -> NDArray[np.float32]:
    """Weights of the clips in every resample, shape (n_resamples, n_clips), rows sum to 1.

    All methods on one test set share the same resamples, and so do their differences.
    """
    return _drawn_weights(np.ascontiguousarray(songs, dtype=np.int64).tobytes())


@lru_cache(maxsize=8)
def _drawn_weights(songs: bytes) -> NDArray[np.float32]:
    ids, of = np.unique(np.frombuffer(songs, dtype=np.int64), return_inverse=True)
    rng = np.random.default_rng(_SEED)
    drawn = rng.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=_RESAMPLES)
    counts = np.empty((_RESAMPLES, len(of)), dtype=np.float32)
    for song in range(len(ids)):
        clips = np.flatnonzero(of == song)
        even = np.full(len(clips), 1 / len(clips))
        counts[:, clips] = rng.multinomial(drawn[:, song] * len(clips), even)
    counts /= counts.sum(axis=1, keepdims=True)
    return counts
