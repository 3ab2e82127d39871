from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.chords import FEATURES
from baselines.jsymbolic.native.piece import Piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]

_KINDS = {
    "partial": ((60, 67), 0),
    "minor": ((60, 63, 67), 1),
    "minor, inverted": ((63, 67, 72), 1),
    "major": ((62, 66, 69, 74), 2),
    "diminished": ((59, 62, 65), 3),
    "augmented": ((60, 64, 68), 4),
    "other three": ((60, 61, 62), 5),
    "minor seventh": ((62, 65, 69, 72), 6),
    "dominant seventh": ((67, 71, 74, 77), 7),
    "major seventh": ((65, 69, 72, 76), 8),
    "other four": ((60, 61, 62, 63), 9),
    "complex": ((60, 62, 64, 65, 67), 10),
}


def _chord(*pitches: int, begin: int = 0, end: int = 480) -> list[tuple[int, ...]]:
    return [(begin, end, pitch) for pitch in pitches]


@pytest.mark.parametrize(("pitches", "kind"), _KINDS.values(), ids=_KINDS)
def test_chords_are_told_apart(make_midi: MakeMidi, pitches: tuple[int, ...], kind: int) -> None:
    histogram = FEATURES["Chord Type Histogram"](Piece(make_midi(_chord(*pitches))))
    assert np.flatnonzero(histogram).tolist() == [kind]


@pytest.mark.parametrize("pitches", [(60, 72), tuple(range(60, 72)), (124, 127)])
def test_one_or_all_pitch_classes_or_the_highest_pitch_are_no_chord(
    make_midi: MakeMidi, pitches: tuple[int, ...]
) -> None:
    assert not np.any(FEATURES["Chord Type Histogram"](Piece(make_midi(_chord(*pitches)))))


def test_intervals_weigh_by_velocity_and_time(make_midi: MakeMidi) -> None:
    notes = [(0, 200, 60, 10), (0, 100, 64, 20), (100, 200, 67, 50)]
    histogram = np.asarray(FEATURES["Vertical Interval Histogram"](Piece(make_midi(notes))))
    assert histogram[4] == pytest.approx(30 / 90)
    assert histogram[7] == pytest.approx(60 / 90)


def test_unisons_count_all_their_notes(make_midi: MakeMidi) -> None:
    notes = [(0, 100, 60, 10, 0), (0, 100, 60, 20, 1), (50, 100, 60, 30, 2), (0, 100, 72, 40, 0)]
    piece = Piece(make_midi(notes))
    unison, octave = 30 * 50 + 60 * 50, (30 + 40) * 50 + (60 + 40) * 50
    assert FEATURES["Vertical Unisons"](piece) == pytest.approx(unison / (unison + octave))
    assert FEATURES["Vertical Octaves"](piece) == pytest.approx(octave / (unison + octave))


def test_inversions_are_chords_of_their_own_and_later_ones_lose_a_tick(
    make_midi: MakeMidi,
) -> None:
    notes = _chord(60, 64, 67) + _chord(64, 67, 72, begin=480, end=960)
    assert FEATURES["Chord Duration"](Piece(make_midi(notes))) == pytest.approx(959 / 2 / 480)


def test_rests_do_not_end_a_chord(make_midi: MakeMidi) -> None:
    notes = _chord(60, 64) + _chord(60, 64, begin=960, end=1440)
    assert FEATURES["Chord Duration"](Piece(make_midi(notes))) == pytest.approx(2)


def test_thirds_are_counted_upwards(make_midi: MakeMidi) -> None:
    third = FEATURES["Vertical Minor Third Prevalence"]
    assert third(Piece(make_midi(_chord(57, 60)))) == 1
    assert third(Piece(make_midi(_chord(57, 72)))) == 1
    assert third(Piece(make_midi(_chord(60, 69)))) == 0  # a sixth


def test_notes_without_end_and_percussion_make_no_chord(make_midi: MakeMidi) -> None:
    notes = [(0, None, 60), (0, 480, 64, 64, 9), (0, 480, 67)]
    piece = Piece(make_midi(notes))
    assert FEATURES["Average Number of Simultaneous Pitches"](piece) == 1
