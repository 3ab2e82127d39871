"""The SVMs on tables made up here: extraction is not their business."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines import svm
from baselines.kernel import C_VALUES, GAMMA_FACTORS
from bench.clips import Clip
from bench.errors import UserError
from bench.methods import DetailedMethod, silent
from tests.baselines.made_up import COLUMNS, music, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.methods import FloatArray


@pytest.fixture(autouse=True)
def _own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jsymbolic_table", "full_table"):
        monkeypatch.setattr(svm, name, table)
    for name in ("JSYMBOLIC_COLUMNS", "ALL_COLUMNS"):
        monkeypatch.setattr(svm, name, COLUMNS)


@pytest.mark.parametrize("kind", [svm.SvmLin, svm.SvmPanda])
def test_finds_the_columns_that_tell_the_emotion(kind: type[svm.SvmLin | svm.SvmPanda]) -> None:
    method = kind(dimensions=2)
    method.fit(music(24), music(8, start=100), seed=0, progress=silent)
    assert isinstance(method, DetailedMethod)
    details = method.details()
    assert set(details["dimensions"]) == {"column_3", "column_7"}
    assert details["n_dimensions"] == 2

    test = music(16, start=200)
    probabilities = method.predict_proba(test)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == [clip.quadrant for clip in test]).mean() > 0.7


def test_keeps_all_that_vary_and_lives_with_unknown_values() -> None:
    method = svm.SvmJSymbolic()
    method.fit(music(16), [], seed=0, progress=silent)
    assert method.details()["dimensions"] == list(COLUMNS[1:])
    assert np.isfinite(method.predict_proba(music(4, start=50))).all()


def test_keeps_what_there_is_where_less_varies_than_is_wanted() -> None:
    method = svm.SvmLin()
    method.fit(music(16), [], seed=0, progress=silent)
    assert method.details()["n_dimensions"] == len(COLUMNS) - 1


@pytest.mark.parametrize("kind", [svm.SvmLin, svm.SvmPanda])
def test_selects_on_training_clips_alone(kind: type[svm.SvmLin | svm.SvmPanda]) -> None:
    # As many clips say the opposite: by all of them together column 3 tells nothing.
    deceptive = [
        Clip(clip.id, clip.song, clip.path, clip.sha256, clip.label ^ 1)
        for clip in music(24, start=100)
    ]
    honest, misled = kind(dimensions=2), kind(dimensions=2)
    honest.fit(music(24), music(24, start=100), seed=0, progress=silent)
    misled.fit(music(24), deceptive, seed=0, progress=silent)
    assert honest.details()["dimensions"] == misled.details()["dimensions"]


def test_what_varies_in_valid_clips_alone_is_no_dimension(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_two_takes(clips: Sequence[Clip], extractor: str) -> FloatArray:
        rows = table(clips, extractor)
        rows[:, 0] += [int(clip.song) >= 100 for clip in clips]
        return rows

    monkeypatch.setattr(svm, "jsymbolic_table", of_two_takes)
    method = svm.SvmJSymbolic()
    method.fit(music(16), music(8, start=100), seed=0, progress=silent)
    assert method.details()["dimensions"] == list(COLUMNS[1:])


def test_lin_ranks_columns_one_by_one_and_panda_by_what_they_tell_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def parity_and_hint(clips: Sequence[Clip], extractor: str) -> FloatArray:
        """Columns 3 and 7 tell valence by their parity alone, 5 hints at it."""
        rows = np.nan_to_num(table(clips, extractor))
        high = np.array([clip.label in (0, 3) for clip in clips])
        rows[:, 3] = np.random.default_rng(0).integers(0, 2, len(clips))
        rows[:, 7] = rows[:, 3] != high
        rows[:, 5] += high
        return rows

    for name in ("jsymbolic_table", "full_table"):
        monkeypatch.setattr(svm, name, parity_and_hint)
    chosen = []
    for kind in (svm.SvmLin, svm.SvmPanda):
        method = kind(dimensions=2)
        method.fit(music(40), [], seed=0, progress=silent)
        chosen.append(method.details()["dimensions"])
    lin, panda = chosen
    assert lin[0] == "column_5"
    assert set(panda) == {"column_3", "column_7"}


@pytest.mark.parametrize(("kind", "n"), [(svm.SvmLin, 521), (svm.SvmPanda, 135)])
def test_keeps_as_many_values_as_the_papers_had(
    kind: type[svm.SvmLin | svm.SvmPanda], n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wide(clips: Sequence[Clip], _: str) -> FloatArray:
        return np.random.default_rng(0).normal(size=(len(clips), 600))

    for name in ("jsymbolic_table", "full_table"):
        monkeypatch.setattr(svm, name, wide)
    for name in ("JSYMBOLIC_COLUMNS", "ALL_COLUMNS"):
        monkeypatch.setattr(svm, name, tuple(map(str, range(600))))
    method = kind()
    method.fit(music(8), music(1, start=100), seed=0, progress=silent)
    assert method.details()["n_dimensions"] == n


def test_tells_the_settings_found() -> None:
    method = svm.SvmJSymbolic()
    method.fit(music(16), [], seed=0, progress=silent)
    details = method.details()
    assert details["C"] in C_VALUES
    assert round(details["gamma"] * details["n_dimensions"], 9) in GAMMA_FACTORS


@pytest.mark.parametrize("kind", [svm.SvmLin, svm.SvmPanda, svm.SvmJSymbolic])
def test_a_quadrant_that_valid_alone_has_is_learned(kind: type[svm.SvmLin]) -> None:
    train = [clip for clip in music(24) if clip.label != 2]
    valid = [clip for clip in music(24, start=100) if clip.label == 2]
    method = kind()
    method.fit(train, valid, seed=0, progress=silent)
    test = [clip for clip in music(40, start=200) if clip.label == 2]
    assert (method.predict_proba(test).argmax(axis=1) == 2).mean() > 0.5


def test_the_seed_changes_nothing() -> None:
    answers = []
    for seed in (0, 1):
        method = svm.SvmLin(dimensions=4)
        method.fit(music(16), music(4, start=60), seed=seed, progress=silent)
        answers.append(method.predict_proba(music(8, start=90)))
    assert np.array_equal(*answers)


def test_predicting_reads_no_label() -> None:
    method = svm.SvmLin(dimensions=4)
    method.fit(music(16), [], seed=0, progress=silent)
    unlabelled = [Clip(c.id, c.song, c.path, c.sha256) for c in music(8, start=90)]
    assert np.array_equal(
        method.predict_proba(unlabelled), method.predict_proba(music(8, start=90))
    )


def test_takes_as_many_folds_as_there_are_songs_and_tells_how_many() -> None:
    method = svm.SvmLin(dimensions=2)
    clips = [clip for clip in music(6) if clip.label < 2]  # four songs
    method.fit(clips, [], seed=0, progress=silent)
    assert method.details()["cross_validation"]["folds"] == 4


@pytest.mark.parametrize("kind", [svm.SvmLin, svm.SvmPanda])
def test_no_dimensions_are_refused_before_the_work(kind: type[svm.SvmLin | svm.SvmPanda]) -> None:
    with pytest.raises(UserError, match="setting dimensions=0: must be at least 1"):
        kind(dimensions=0)
