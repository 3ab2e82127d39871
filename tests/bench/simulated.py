"""Methods made up for tests of statistics."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.intervals import Runs

Hits: TypeAlias = NDArray[np.bool_]
Songs: TypeAlias = NDArray[np.int64]


def runs(hits: Hits) -> Runs:
    return Runs(hits, tuple(range(len(hits))))


def simulate(
    rng: np.random.Generator, *, n_songs: int, clips: int, n_seeds: int, spread: float
) -> tuple[Songs, Hits, Hits]:
    """Two equally good methods, whose seeds differ in luck by `spread` on the logit scale."""
    songs = np.repeat(np.arange(n_songs), clips)
    easy = 0.6 + rng.normal(0, 1, n_songs)[songs] + rng.normal(0, 1, len(songs))
    luck = rng.normal(0, spread, (2, n_seeds, 1))
    first, second = rng.random((2, n_seeds, len(songs))) < 1 / (1 + np.exp(-easy - luck))
    return songs, first, second
