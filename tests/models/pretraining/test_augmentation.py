from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError
from bench.midi import parse_midi
from models.pretraining.augmentation import COMPOUND, PERFORMANCE, Augmentation
from models.tokens.compound import PAD, encode_compound
from models.tokens.performance import encode_performance, ids, words


def music(seed: int, stretch: int = 1) -> bytes:
    random = np.random.default_rng(seed)
    onsets = np.cumsum(random.integers(0, 6, 60)) * 120 * stretch
    lengths = random.integers(1, 8, 60) * 120 * stretch
    return smf_bytes(
        [
            [
                SmfNote(int(on), int(on + n), int(random.integers(40, 80)), 64)
                for on, n in zip(onsets, lengths, strict=True)
            ]
        ]
    )


def compound(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return encode_compound(parse_midi(data)).astype(np.int64)


def performance(data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return encode_performance(parse_midi(data)).astype(np.int64)[:, None]


@given(st.integers(0, 50), st.integers(0, 12))
def test_transposition_moves_all_notes_alike(seed: int, limit: int) -> None:
    random = np.random.default_rng(seed)
    change = Augmentation(transpose=limit)
    tokens = compound(music(seed))
    moved = change.apply(tokens, COMPOUND, random)
    (shift,) = set((moved - tokens)[:, 2].tolist())
    assert abs(shift) <= limit
    assert (moved[:, [0, 1, 3]] == tokens[:, [0, 1, 3]]).all()
    assert 0 <= moved[:, 2].min() <= moved[:, 2].max() < PAD[2]

    before = words(performance(music(seed))[:, 0])
    after = words(change.apply(performance(music(seed)), PERFORMANCE, random)[:, 0])
    shifts = {
        int(b[2:]) - int(a[2:]) for a, b in zip(before, after, strict=True) if a.startswith("n_")
    }
    assert len(shifts) == 1
    assert [w for w in before if w[:2] != "n_"] == [w for w in after if w[:2] != "n_"]


def test_all_transpositions_come() -> None:
    random = np.random.default_rng(0)
    tokens = compound(music(0))
    shifts = {
        int((Augmentation(transpose=3).apply(tokens, COMPOUND, random) - tokens)[0, 2])
        for _ in range(99)
    }
    assert shifts == set(range(-3, 4))


def test_stretches_lie_on_both_sides_within_the_limit() -> None:
    random = np.random.default_rng(0)
    change = Augmentation(stretch=2.0)
    note = np.array([[0, 0, 40, 15]])  # of 16 units
    durations = np.array([change.apply(note, COMPOUND, random)[0, 3] + 1 for _ in range(99)])
    assert durations.min() in (8, 9)
    assert durations.max() in (31, 32)
    assert 33 < (durations < 16).sum() < 66

    word = ids(["d_16"])[:, None].astype(np.int64)
    told = [words(change.apply(word, PERFORMANCE, random)[:, 0])[0] for _ in range(99)]
    durations = np.array([int(name.removeprefix("d_")) for name in told])
    assert durations.min() in (8, 9)
    assert durations.max() in (31, 32)


@given(st.integers(0, 50))
def test_doubled_time_is_the_music_at_half_the_speed(seed: int) -> None:
    stretched = COMPOUND.stretched(compound(music(seed)), 2.0)
    slower = compound(music(seed, stretch=2))
    # The encoder's grid ends before the last onset; what falls on its last point differs.
    np.testing.assert_array_equal(stretched[:50, 1:], slower[:50, 1:])

    stretched = PERFORMANCE.stretched(performance(music(seed)), 2.0)
    slower = performance(music(seed, stretch=2))
    np.testing.assert_array_equal(stretched, slower)


def test_a_window_that_begins_with_a_bar_does_so_when_stretched() -> None:
    # Notes 0, 16 and 24 positions after the window's first bar line.
    window = np.array([[0, 0, 40, 15], [0, 0, 41, 15], [1, 8, 42, 15]])
    stretched = COMPOUND.stretched(window, 1.1)
    assert stretched.tolist() == [[0, 0, 40, 17], [0, 2, 41, 17], [1, 10, 42, 17]]


def test_durations_that_become_one_are_stated_once() -> None:
    tokens = ids(["d_2", "n_60", "d_1", "n_62", ".", "d_8", "n_64"])[:, None].astype(np.int64)
    stretched = PERFORMANCE.stretched(tokens, 0.5)
    assert words(stretched[:, 0]) == ["d_1", "n_60", "n_62", ".", "d_4", "n_64"]


def test_no_augmentation_changes_nothing() -> None:
    for tokens, kind in ((compound(music(1)), COMPOUND), (performance(music(1)), PERFORMANCE)):
        unchanged = Augmentation().apply(tokens, kind, np.random.default_rng(0))
        np.testing.assert_array_equal(unchanged, tokens)


@pytest.mark.parametrize("limits", [{"transpose": -1}, {"transpose": 13}, {"stretch": 0.9}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"--{next(iter(limits))}"):
        Augmentation(**limits)
