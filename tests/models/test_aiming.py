from __future__ import annotations

import numpy as np
import pytest

from models.aiming import Aim, Share
from models.predicting import Guess


def guess(quadrant: int, p: float = 0.7) -> Guess:
    others = np.full(4, (1 - p) / 3)
    others[quadrant] = p
    return Guess("x.mid", tuple(others.tolist()), None, 1)


def test_an_aim_is_hit_as_a_whole_and_by_halves() -> None:
    aim = Aim.of([guess(0), guess(0), guess(1), guess(3), guess(2)], target=0)
    assert aim.called == (2, 1, 1, 1)
    assert (aim.hits, aim.valence, aim.arousal) == (Share(2, 5), Share(3, 5), Share(3, 5))
    assert aim.mean_p == pytest.approx((2 * 0.7 + 3 * 0.1) / 5)


def test_halves_are_those_of_the_target() -> None:
    guesses = [guess(quadrant) for quadrant, n in enumerate([1, 2, 1, 3]) for _ in range(n)]
    shares = []
    for target in range(4):
        aim = Aim.of(guesses, target)
        assert aim.called == (1, 2, 1, 3)
        shares.append([share.count for share in (aim.hits, aim.valence, aim.arousal)])
    assert shares == [[1, 4, 3], [2, 3, 3], [1, 3, 4], [3, 4, 4]]


def test_quadrants_that_nothing_is_called_are_counted() -> None:
    assert Aim.of([guess(0)], target=0).called == (1, 0, 0, 0)


def test_intervals_are_wilsons() -> None:
    share, z = Share(7, 10), 1.959963984540054
    centre = (0.7 + z * z / 20) / (1 + z * z / 10)
    half = z * (0.7 * 0.3 / 10 + z * z / 400) ** 0.5 / (1 + z * z / 10)
    assert share.interval == pytest.approx((centre - half, centre + half))
    assert Share(5, 5).interval[1] == 1
