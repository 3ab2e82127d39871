from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.svm import SVC

from baselines.kernel import C_VALUES, GAMMA_FACTORS, N_FOLDS, RadialMachine
from bench.errors import UserError
from bench.methods import silent
from tests.baselines.made_up import music, table

if TYPE_CHECKING:
    from bench.clips import Clip
    from bench.methods import FloatArray


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


def machine_far_apart(quadrants: list[int]) -> tuple[RadialMachine, FloatArray, list[int]]:
    """Of ten songs a quadrant, each quadrant in a place of its own."""
    labels = quadrants * 10
    places = np.array([[0, 0], [4, 0], [0, 4], [4, 4]])[labels]
    rows = places + np.random.default_rng(0).normal(0, 0.1, places.shape)
    songs = [str(i) for i in range(len(rows))]
    return RadialMachine.fit(rows, np.array(labels), songs, silent), rows, labels


@pytest.mark.parametrize("quadrants", [[1, 3], [2, 0], [0, 1, 3], [0, 1, 2, 3]])
def test_quadrants_that_lie_far_apart_are_told_apart(quadrants: list[int]) -> None:
    machine, rows, labels = machine_far_apart(quadrants)
    assert machine.held_out_accuracy == 1
    probabilities = machine.predict_proba(rows)
    assert probabilities.argmax(axis=1).tolist() == labels
    assert probabilities.max(axis=1).min() > 0.99


def test_of_equally_good_settings_the_smallest_are_taken() -> None:
    machine, rows, _ = machine_far_apart([0, 1, 2, 3])
    assert (machine.C, machine.gamma * rows.shape[1]) == (min(C_VALUES), min(GAMMA_FACTORS))


def test_probabilities_are_as_sharp_as_the_held_out_folds_allow() -> None:
    clear, _, _ = machine_on(music(24))
    clips = music(24)
    noise = np.random.default_rng(0).normal(size=(len(clips), 6))
    labels = np.array([clip.label for clip in clips])
    blind = RadialMachine.fit(noise, labels, [clip.song for clip in clips], silent)
    assert blind.sharpness < clear.sharpness
    assert blind.predict_proba(noise).max() < 0.3
    assert blind.predict_proba(noise[:1] + 100).max() < 0.3


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
