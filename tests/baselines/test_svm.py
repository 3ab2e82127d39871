"""The SVMs on tables made up here: extraction is not their business."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.svm import SVC

from baselines import svm
from baselines.kernel import N_FOLDS, RadialMachine
from bench.clips import Clip
from bench.errors import UserError
from bench.methods import DetailedMethod, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.methods import FloatArray

COLUMNS = tuple(f"column_{i}" for i in range(12))


def music(n_songs: int, start: int = 0) -> list[Clip]:
    """Three clips per song, the quadrants in turn."""
    return [
        Clip(f"{song}.{i}", str(song), Path("none"), f"{song}.{i}", song % 4)
        for song in range(start, start + n_songs)
        for i in range(3)
    ]


def table(clips: Sequence[Clip], extractor: str = "native") -> FloatArray:
    """Columns 3 and 7 tell valence and arousal, 0 never varies, 1 is NaN at times."""
    assert extractor == "native"
    rows = []
    for clip in clips:
        song, i = map(int, clip.id.split("."))
        row = np.random.default_rng([song, i]).normal(size=len(COLUMNS))
        row[3] += 3 * (song % 4 in (0, 3))
        row[7] += 3 * (song % 4 in (0, 1))
        row[0] = 5
        row[1] = np.nan if i else row[1]
        rows.append(row)
    return np.array(rows).reshape(-1, len(COLUMNS))


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


def test_selects_on_training_clips_alone() -> None:
    deceptive = [
        Clip(clip.id, clip.song, clip.path, clip.sha256, (clip.quadrant or 0) ^ 1)
        for clip in music(8, start=100)
    ]
    honest, misled = svm.SvmLin(dimensions=2), svm.SvmLin(dimensions=2)
    honest.fit(music(24), music(8, start=100), seed=0, progress=silent)
    misled.fit(music(24), deceptive, seed=0, progress=silent)
    assert honest.details()["dimensions"] == misled.details()["dimensions"]


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


def machine_on(clips: list[Clip]) -> tuple[RadialMachine, FloatArray, list[int]]:
    rows = np.nan_to_num(table(clips))
    labels = [clip.label for clip in clips]
    songs = [clip.song for clip in clips]
    return RadialMachine.fit(rows, np.array(labels), songs, silent), rows, labels


def test_the_most_probable_quadrant_is_the_machines_own_decision() -> None:
    machine, rows, labels = machine_on(music(24))
    unseen = np.nan_to_num(table(music(60, start=300)))
    own = SVC(C=machine.C, gamma=machine.gamma, kernel="rbf", break_ties=True).fit(rows, labels)
    assert np.array_equal(machine.predict_proba(unseen).argmax(axis=1), own.predict(unseen))


def test_songs_are_never_on_both_sides_of_a_fold() -> None:
    # What tells a song apart, and nothing else, must not look like knowledge.
    clips = music(20)
    identity = np.random.default_rng(0).normal(size=(20, 30))
    rows = np.array([identity[int(clip.song)] for clip in clips])
    labels = np.array([clip.label for clip in clips])
    grouped = RadialMachine.fit(rows, labels, [clip.song for clip in clips], silent)
    alone = RadialMachine.fit(rows, labels, [clip.id for clip in clips], silent)
    assert alone.held_out_accuracy > 0.9
    assert grouped.held_out_accuracy < 0.6


def test_probabilities_are_as_sharp_as_the_held_out_folds_allow() -> None:
    clear, _, _ = machine_on(music(24))
    clips = music(24)
    noise = np.random.default_rng(1).normal(size=(len(clips), 6))
    labels = np.array([clip.label for clip in clips])
    blind = RadialMachine.fit(noise, labels, [clip.song for clip in clips], silent)
    assert blind.sharpness < clear.sharpness
    assert blind.predict_proba(noise[:1] + 100).max() < 0.5


def test_learns_two_quadrants_where_there_are_no_more() -> None:
    clips = [clip for clip in music(24) if clip.label in (1, 3)]
    machine, rows, _ = machine_on(clips)
    probabilities = machine.predict_proba(rows)
    assert set(probabilities.argmax(axis=1)) <= {1, 3}
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert not probabilities[:, [0, 2]].any()


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_a_quadrant_of_one_song_is_lived_with() -> None:
    # Held out, it is in no other fold; its clips can tell nothing of how sharp the scores are.
    clips = [clip for clip in music(24) if clip.label != 2 or clip.song == "2"]
    machine, rows, labels = machine_on(clips)
    without, _, _ = machine_on([clip for clip in clips if clip.label != 2])
    assert machine.sharpness == pytest.approx(without.sharpness, rel=0.3)
    assert machine.predict_proba(rows)[np.array(labels) == 2, 2].min() > 0


def test_progress_reaches_the_end() -> None:
    told: list[float] = []
    clips = music(8)
    rows = np.nan_to_num(table(clips))
    labels = np.array([clip.label for clip in clips])

    def progress(fraction: float, note: str = "") -> None:
        assert note
        told.append(fraction)

    RadialMachine.fit(rows, labels, [clip.song for clip in clips], progress)
    assert told == sorted(told)
    assert told[-1] == 1
    assert len(told) % N_FOLDS == 0


def test_takes_as_many_folds_as_there_are_songs_and_tells_how_many() -> None:
    method = svm.SvmLin(dimensions=2)
    clips = [clip for clip in music(6) if clip.label < 2]  # four songs
    method.fit(clips, [], seed=0, progress=silent)
    assert method.details()["cross_validation"]["folds"] == 4


@pytest.mark.parametrize(
    "clips",
    [
        music(1),
        music(2),  # of two quadrants: each fold leaves one
        music(4)[::3],  # no two clips of one quadrant
        [clip for clip in music(12) if clip.label == 0],
    ],
)
def test_refuses_songs_too_few_to_cross_validate_on(clips: list[Clip]) -> None:
    n_songs = len({clip.song for clip in clips})
    with pytest.raises(UserError, match=rf"songs to learn from: {n_songs}\)"):
        machine_on(clips)


def test_the_grid_reaches_kernels_for_rows_far_apart() -> None:
    # Of a kernel that is too narrow for them, every row lies alone.
    clips = music(24)
    rows = 4 * np.nan_to_num(table(clips))
    labels = np.array([clip.label for clip in clips])
    machine = RadialMachine.fit(rows, labels, [clip.song for clip in clips], silent)
    assert machine.gamma * rows.shape[1] == 1 / 16


@pytest.mark.parametrize("kind", [svm.SvmLin, svm.SvmPanda])
def test_no_dimensions_are_refused_before_the_work(kind: type[svm.SvmLin | svm.SvmPanda]) -> None:
    with pytest.raises(UserError, match="setting dimensions=0: must be at least 1"):
        kind(dimensions=0)
