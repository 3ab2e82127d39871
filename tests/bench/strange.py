"""Methods that behave in every way a stranger's method may."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress


class Uniform:
    """Answers at random, the same for one seed."""

    def __init__(self, *, note: str = "") -> None:
        self.note = note

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        assert train
        assert valid
        progress(0.5, self.note)
        self._random = np.random.default_rng(seed)

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return self._random.dirichlet(np.ones(4), len(clips))


class Segmented(Uniform):
    """Cuts every clip in three."""

    def predict_segments(self, clips: Sequence[Clip]) -> list[FloatArray]:
        return [self._random.dirichlet(np.ones(4), 3) for _ in clips]

    def details(self) -> dict[str, Any]:
        return {"n_parameters": 0}


class Raises(Uniform):
    """Prints and then fails."""

    def fit(self, *_: Any, **__: Any) -> None:
        print("the last words")
        print("on stderr too", file=sys.stderr)
        raise ValueError("no such luck\nwith a second line")


class Dies(Uniform):
    """Kills its own process, as the system does when memory runs out."""

    def fit(self, *_: Any, **__: Any) -> None:
        os.kill(os.getpid(), 9)


class Exits(Uniform):
    """Ends its own process."""

    def fit(self, *_: Any, **__: Any) -> None:
        os._exit(3)


class RunsOutOfMemory(Uniform):
    """Asks for more than there is."""

    def fit(self, *_: Any, **__: Any) -> None:
        raise MemoryError


class Sleeps(Uniform):
    """Never ends, but heeds SIGINT."""

    def fit(self, *_: Any, **__: Any) -> None:
        time.sleep(1000)


class WrongShape(Uniform):
    """Three columns."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips), 3), 1 / 3)


class WrongCount(Uniform):
    """A row too few."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips) - 1, 4), 0.25)


class NotNumbers(Uniform):
    """NaN."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips), 4), np.nan)


class WrongSum(Uniform):
    """Rows that sum to 2."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips), 4), 0.5)


class HoldsTheLock(Uniform):
    """Lets no other thread of Python run, and heeds no signal that Python handles."""

    def fit(self, *_: Any, progress: Progress, **__: Any) -> None:
        progress(0.1, "begun")
        sum(range(10**12))
