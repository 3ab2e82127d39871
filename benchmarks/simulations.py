"""How often intervals cover the truth, and tests call equal methods different, in simulations.

    python benchmarks/simulations.py [--data-sets N]

A clip is answered rightly with a chance that depends, on the logit scale, on its song (deviation
1), on itself (1) and on the luck of the seed (`luck`); of two methods each also has songs that suit
it (`taste`). Both methods are equally good over all songs and seeds, though with taste not on the
songs of one test set. What is answered wrongly is any other quadrant. The truth is measured on
50,000 songs. Needs no data; minutes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from bench.intervals import ALPHA, Runs, accuracy_intervals, macro_f1_interval
from bench.labels import N_QUADRANTS
from bench.scoring import score_predictions
from bench.statistics import compare

if TYPE_CHECKING:
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

TEST_SETS = {"32 songs of 3 clips": (32, 3), "40 songs of 12 clips": (40, 12)}
SEEDS = (5, 10)
LUCK = (0.1, 0.3)
TASTE = (0.0, 0.5)
MANY = 50_000  # songs


@dataclass(frozen=True)
class World:
    """What clips and seeds are drawn from."""

    clips: int  # of a song
    luck: float
    taste: float

    def draw(
        self, rng: np.random.Generator, n_songs: int, n_seeds: int
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Songs and labels of clips, (n_clips,), and two methods' answers (2, n_seeds, n_clips)."""
        songs = np.repeat(np.arange(n_songs), self.clips)
        labels = rng.integers(0, N_QUADRANTS, n_songs)[songs]
        easy = 0.3 + rng.normal(size=n_songs)[songs] + rng.normal(size=len(songs))
        taste = rng.normal(0, self.taste, (2, 1, n_songs))[..., songs]
        luck = rng.normal(0, self.luck, (2, n_seeds, 1))
        right = rng.random((2, n_seeds, len(songs))) < 1 / (1 + np.exp(-easy - taste - luck))
        wrong = (labels + rng.integers(1, N_QUADRANTS, right.shape)) % N_QUADRANTS
        return songs, labels, np.where(right, labels, wrong)


def main() -> None:
    """Simulate, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-sets", type=int, default=400, help="of each kind")
    n = parser.parse_args().data_sets
    rng = np.random.default_rng(0)
    rows = []
    print("per cent: covered accuracy, macro-F1; called different by songs, by seeds")
    for (name, (n_songs, clips)), n_seeds, luck, taste in product(
        TEST_SETS.items(), SEEDS, LUCK, TASTE
    ):
        shares = simulate(World(clips, luck, taste), n_songs, n_seeds, n, rng)
        rows.append(shares)
        told = "  ".join(f"{100 * share:5.1f}" for share in shares)
        print(f"{name}, {n_seeds:2} seeds, luck {luck}, taste {taste}:  {told}", flush=True)
    low, high = np.min(rows, axis=0), np.max(rows, axis=0)
    names = ("accuracy_covered", "macro_f1_covered", "different_by_songs", "different_by_seeds")
    print(
        "simulations "
        + " ".join(f"{k}={a:.3f}..{b:.3f}" for k, a, b in zip(names, low, high, strict=True))
    )


def simulate(
    world: World, n_songs: int, n_seeds: int, n_data_sets: int, rng: np.random.Generator
) -> IntArray:
    """Shares of the data sets: as printed, (4,)."""
    truth = true_scores(world, rng)
    counts = np.zeros(4)
    seeds = tuple(range(n_seeds))
    for _ in range(n_data_sets):
        songs, labels, answers = world.draw(rng, n_songs, n_seeds)
        first, second = (Runs(own == labels, seeds) for own in answers)
        (interval,) = accuracy_intervals([first], songs)
        result = compare(first, second, songs)
        counts += (
            truth[0] in interval,
            truth[1] in macro_f1_interval(labels, answers[0], songs),
            (result.p or 0) < ALPHA,
            (result.p_seeds or 0) < ALPHA,
        )
    return counts / n_data_sets


def true_scores(world: World, rng: np.random.Generator) -> tuple[float, float]:
    """Accuracy and macro-F1 of a run over all songs, in the mean of seeds."""
    _, labels, answers = world.draw(rng, MANY, 20)
    scores = [score_predictions(labels, run) for run in answers[0]]
    return (
        float(np.mean([s.accuracy for s in scores])),
        float(np.mean([s.macro_f1 for s in scores])),
    )


if __name__ == "__main__":
    main()
