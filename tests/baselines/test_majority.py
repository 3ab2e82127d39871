from pathlib import Path

import numpy as np

from baselines.majority import Majority
from bench.clips import Clip
from bench.methods import silent


def clips(*quadrants: int) -> list[Clip]:
    return [Clip(str(i), str(i), Path(str(i)), str(i), q) for i, q in enumerate(quadrants)]


def test_answers_the_training_frequencies_for_every_clip() -> None:
    method = Majority()
    method.fit(clips(0, 0, 3, 1), clips(2, 2, 2), seed=0, progress=silent)
    assert np.array_equal(method.predict_proba(clips(2, 2)), [[0.5, 0.25, 0, 0.25]] * 2)


def test_never_opens_a_file() -> None:
    method = Majority()
    method.fit(clips(1), [], seed=0, progress=silent)
    assert method.predict_proba([Clip("x", "x", Path("missing.mid"), "")]).tolist() == [
        [0, 1, 0, 0]
    ]
