from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from baselines import ensembles
from baselines.ensembles import GbdtJSymbolic, TreesJSymbolic
from bench.clips import Clip
from bench.errors import UserError
from bench.methods import silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.methods import FloatArray


def music(n: int, start: int = 0) -> list[Clip]:
    return [Clip(str(i), str(i), Path("none"), str(i), i % 4) for i in range(start, start + n)]


def table(clips: Sequence[Clip], extractor: str = "native") -> FloatArray:
    """The quadrant shows in two of eight columns; another is unknown or infinite at times."""
    assert extractor == "native"
    rows = []
    for clip in clips:
        i = int(clip.id)
        row = np.random.default_rng(i).normal(size=8)
        row[2] += 4 * (i % 4 in (0, 3))
        row[5] += 4 * (i % 4 in (0, 1))
        row[7] = (np.nan, np.inf, row[7])[i % 3]
        rows.append(row)
    return np.array(rows).reshape(-1, 8)


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembles, "jsymbolic_table", table)


def small(seed: int, kind: str) -> FloatArray:
    method = GbdtJSymbolic(rounds=20) if kind == "gbdt" else TreesJSymbolic(trees=30)
    method.fit(music(120), music(40, start=500), seed=seed, progress=silent)
    return method.predict_proba(music(80, start=1000))


@pytest.mark.parametrize("kind", ["gbdt", "trees"])
def test_learns_and_repeats_itself_for_a_seed_but_not_for_another(kind: str) -> None:
    probabilities = small(0, kind)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == np.arange(80) % 4).mean() > 0.8
    assert np.array_equal(small(0, kind), probabilities)
    assert not np.array_equal(small(1, kind), probabilities)


def test_learns_from_validation_clips_too() -> None:
    method = TreesJSymbolic(trees=10)
    method.fit(music(0), music(40), seed=0, progress=silent)
    assert method.predict_proba(music(4)).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_quadrant_never_seen_has_no_probability() -> None:
    method = TreesJSymbolic(trees=10)
    method.fit([c for c in music(40) if c.label != 2], [], seed=0, progress=silent)
    assert not method.predict_proba(music(8))[:, 2].any()


@pytest.mark.parametrize(
    ("kind", "name", "value", "told"),
    [
        (GbdtJSymbolic, "rounds", -3, "must be at least 1"),
        (GbdtJSymbolic, "leaves", 1, "must be at least 2"),
        (GbdtJSymbolic, "learning_rate", 0.0, "must be above 0 and finite"),
        (GbdtJSymbolic, "learning_rate", np.inf, "must be above 0 and finite"),
        (GbdtJSymbolic, "columns", 7.0, "must be above 0 and at most 1"),
        (GbdtJSymbolic, "bins", 256, "not in 2..255"),
        (TreesJSymbolic, "trees", 0, "must be at least 1"),
        (TreesJSymbolic, "columns", np.nan, "must be above 0 and at most 1"),
        (TreesJSymbolic, "leaf", 0, "must be at least 1"),
    ],
)
def test_refuses_settings_before_the_work(
    kind: type[GbdtJSymbolic | TreesJSymbolic], name: str, value: float, told: str
) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(UserError, match=f"setting {name}={value}: {told}"):
        kind(**settings)


@pytest.mark.parametrize(
    "method",
    [
        GbdtJSymbolic(rounds=1, leaves=2, learning_rate=9.0, columns=1, bins=2),
        GbdtJSymbolic(rounds=1, bins=255),
        TreesJSymbolic(trees=1, leaf=1),
    ],
)
def test_learns_with_the_outermost_settings(method: GbdtJSymbolic | TreesJSymbolic) -> None:
    method.fit(music(40), [], seed=0, progress=silent)
    assert np.allclose(method.predict_proba(music(4)).sum(axis=1), 1)


def test_a_share_of_1_is_all_columns_whichever_way_it_is_written() -> None:
    answers = []
    for columns in (1, 1.0):
        method = TreesJSymbolic(trees=10, columns=columns)
        method.fit(music(120), [], seed=0, progress=silent)
        answers.append(method.predict_proba(music(80, start=900)))
    assert np.array_equal(*answers)
