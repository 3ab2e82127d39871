"""Intervals by resampling: other songs, other clips of them, and other seeds.

A method's answers on a test set are a matrix with a row for each seed and a column for each clip.
Its noise has two sources that cross: other songs would have given other columns, other seeds other
rows. Clips of one song resemble each other, so songs are drawn, not clips.

Everywhere `songs`, shape (n_clips,), is the song of each clip as any integers, and accuracies are
fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.labels import N_QUADRANTS
from bench.scoring import macro_f1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]
    IntArray = NDArray[np.int64]

LEVEL = 0.95
ALPHA = 1 - LEVEL
_RESAMPLES = 2_000
SEED = 20220115  # any; fixed so that the same records give the same board


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


def accuracy_intervals(methods: Sequence[Runs], songs: IntArray) -> list[Interval]:
    """95 % intervals of the mean accuracy over seeds, of methods on the same clips.

    A percentile interval of a bootstrap that draws songs, then clips within them, then seeds. Of k
    seeds k - 1 are drawn, which makes the variance between them unbiased (Rao and Wu 1988); with
    one seed the interval knows nothing of other seeds. Where songs have few clips it is wider than
    it need be: in simulations (benchmarks/simulations.py) it covered 97 to 98 % with 32 songs of 3
    clips, and 95 to 98 % with 40 songs of 12. Where two to five seeds differ by more than songs do
    it is too narrow, for a bootstrap does not know Student's t.
    """
    # All seeds of all methods stand in one matrix: one wide product is ten times as fast as many
    # narrow ones.
    hits = np.concatenate([runs.hits for runs in methods]).T
    ends = np.cumsum([len(runs.hits) for runs in methods])
    by_seed = np.split(resampled_means(hits, songs), ends[:-1], axis=1)
    return [percentiles(mean_over_seeds(part)) for part in by_seed]


def macro_f1_interval(labels: IntArray, answers: IntArray, songs: IntArray) -> Interval:
    """As `accuracy_intervals`, of one method's macro-F1, with its bias corrected (Efron 1981).

    Macro-F1 is not a mean: resamples hold fewer distinct songs, which lowers it. Let the
    measured value be at the normal quantile b of the resamples; the ends are those at 2 b ± 1.96,
    the plain percentiles if b is 0. In simulations (benchmarks/simulations.py) it covered 95 to
    99 % with 32 songs of 3 clips and 40 songs of 12.

    Args:
        labels: true quadrants, shape (n_clips,).
        answers: predicted quadrants, shape (n_seeds, n_clips).
        songs: as everywhere.
    """
    cells = np.eye(N_QUADRANTS**2, dtype=np.float32)[labels * N_QUADRANTS + answers]
    resampled = np.einsum("rc,sck->rsk", _counts(songs), cells, optimize=True)
    square = (-1, len(answers), N_QUADRANTS, N_QUADRANTS)
    means = mean_over_seeds(macro_f1(resampled.astype(np.float64).reshape(square)))
    measured = float(macro_f1(cells.sum(axis=1, dtype=np.float64).reshape(square)).mean())
    below = np.count_nonzero(means < measured) + np.count_nonzero(means == measured) / 2
    normal = NormalDist()
    bias = normal.inv_cdf(min(max(below / len(means), 1 / len(means)), 1 - 1 / len(means)))
    ends = (normal.cdf(2 * bias + normal.inv_cdf(p)) for p in (ALPHA / 2, 1 - ALPHA / 2))
    low, high = np.quantile(means, list(ends))
    if low >= measured:  # of so few songs that resamples say nothing of the bias
        low = np.quantile(means, ALPHA / 2)
    return Interval(float(low), float(max(high, measured)))


def percentiles(resamples: NDArray[np.floating[Any]]) -> Interval:
    """The middle 95 % of resampled values."""
    low, high = np.quantile(resamples, [ALPHA / 2, 1 - ALPHA / 2])
    return Interval(float(low), float(high))


def mean_over_seeds(by_seed: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Means over seeds drawn anew for each row, shape (n_resamples, n_seeds)."""
    means: NDArray[np.floating[Any]] = np.einsum("rs,rs->r", by_seed, _seed_weights(*by_seed.shape))
    return means


@lru_cache(maxsize=16)
def _seed_weights(n_resamples: int, n_seeds: int) -> FloatArray:
    """Weights of the seeds in every resample, shape (n_resamples, n_seeds), rows sum to 1."""
    drawn = max(n_seeds - 1, 1)
    rng = np.random.default_rng([SEED, n_seeds])
    return rng.multinomial(drawn, np.full(n_seeds, 1 / n_seeds), size=n_resamples) / drawn


def resampled_means(values: NDArray[np.generic], songs: IntArray) -> FloatArray:
    """Means over the clips of every resample, shape (n_resamples, n_columns).

    All methods on one test set share the same resamples, and so do their differences.

    Args:
        values: whole numbers or booleans, shape (n_clips, n_columns).
        songs: as everywhere.
    """
    counts = _counts(songs)
    # Sums of whole numbers are exact in any order, and so the same with every BLAS.
    sums = (counts @ values.astype(np.float32)).astype(np.float64)
    sizes = (counts @ np.ones((len(values), 1), dtype=np.float32)).astype(np.float64)
    means: FloatArray = sums / sizes
    return means


def _counts(songs: IntArray) -> NDArray[np.float32]:
    """How often each clip is in every resample, shape (n_resamples, n_clips)."""
    return _drawn_counts(np.ascontiguousarray(songs, dtype=np.int64).tobytes())


@lru_cache(maxsize=8)
def _drawn_counts(songs: bytes) -> NDArray[np.float32]:
    ids, of = np.unique(np.frombuffer(songs, dtype=np.int64), return_inverse=True)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=_RESAMPLES)
    counts = np.empty((_RESAMPLES, len(of)), dtype=np.float32)
    for song in range(len(ids)):
        clips = np.flatnonzero(of == song)
        n = len(clips)
        # As many of the song's clips as it has, each time that it was drawn.
        resample = np.repeat(np.arange(_RESAMPLES), drawn[:, song] * n)
        picked = resample * n + rng.integers(0, n, len(resample))
        counts[:, clips] = np.bincount(picked, minlength=_RESAMPLES * n).reshape(_RESAMPLES, n)
    return counts
