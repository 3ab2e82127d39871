"""How well pieces hit the emotion that they were meant to have, as far as a network can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from bench.intervals import LEVEL
from bench.labels import HIGH_AROUSAL, HIGH_VALENCE, QUADRANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.scoring import Scores
    from models.predicting import Guess


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many pieces, and the 95 % interval of their share (Wilson 1927).

    The interval takes the pieces for independent draws from what their maker makes.
    """

    count: int
    of: int

    @property
    def value(self) -> float:
        """The share, 0..1."""
        return self.count / self.of

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends, 0..1."""
        found = binomtest(self.count, self.of).proportion_ci(LEVEL, method="wilson")
        return float(found.low), float(found.high)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"count": self.count, "of": self.of, "share": self.value, "interval": self.interval}


@dataclass(frozen=True, slots=True)
class Aim:
    """What came of aiming at one quadrant."""

    target: int  # 0..3
    called: tuple[int, ...]  # pieces by the likeliest quadrant, Q1..Q4
    mean_p: float  # of the target's probability

    @classmethod
    def of(cls, guesses: Sequence[Guess], target: int) -> Aim:
        """From the guesses about at least one piece."""
        called = np.bincount([guess.quadrant for guess in guesses], minlength=len(QUADRANTS))
        mean_p = float(np.mean([guess.p[target] for guess in guesses]))
        return cls(target, tuple(called.tolist()), mean_p)

    @property
    def hits(self) -> Share:
        """Pieces in the target quadrant."""
        return self._share(np.arange(len(QUADRANTS)) == self.target)

    @property
    def valence(self) -> Share:
        """Pieces in a quadrant of the target's valence."""
        return self._share(HIGH_VALENCE[self.target] == HIGH_VALENCE)

    @property
    def arousal(self) -> Share:
        """Pieces in a quadrant of the target's arousal."""
        return self._share(HIGH_AROUSAL[self.target] == HIGH_AROUSAL)

    def _share(self, quadrants: np.ndarray[Any, np.dtype[np.bool_]]) -> Share:
        return Share(int(np.array(self.called)[quadrants].sum()), sum(self.called))


def yardstick(scores: Scores, target: int) -> tuple[Share, Share]:
    """What the network calls `target` of the test clips that are, and of those that are not."""
    confusion = np.array(scores.confusion)
    others = np.delete(confusion, target, axis=0)
    return (
        Share(int(confusion[target, target]), int(confusion[target].sum())),
        Share(int(others[:, target].sum()), int(others.sum())),
    )
