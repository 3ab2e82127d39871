from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.melody import FEATURES
from baselines.jsymbolic.native.piece import Piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]


def _line(*pitches: int, channel: int = 0, track: int = 0) -> list[tuple[int, ...]]:
    return [(480 * i, 480 * i + 480, p, 64, channel, track) for i, p in enumerate(pitches)]


def test_intervals_lead_from_the_last_note_of_a_chord_to_the_first(make_midi: MakeMidi) -> None:
    # File order within a chord: 60, 64, then 67, 55.
    notes = [(0, 480, 60), (0, 480, 64), (480, 960, 67), (480, 960, 55)]
    histogram = FEATURES["Melodic Interval Histogram"](Piece(make_midi(notes)))
    assert np.flatnonzero(histogram).tolist() == [3]


def test_melodies_stay_in_their_track_and_channel(make_midi: MakeMidi) -> None:
    notes = _line(60, 61) + _line(70, 72, channel=1) + _line(40, 45, track=1)
    drums = _line(36, 50, channel=9)
    histogram = np.asarray(FEATURES["Melodic Interval Histogram"](Piece(make_midi(notes + drums))))
    assert np.flatnonzero(histogram).tolist() == [1, 2, 5]


def test_arcs_leave_out_repetitions_and_the_last_stretch(make_midi: MakeMidi) -> None:
    piece = Piece(make_midi(_line(60, 64, 64, 67, 60, 62)))  # +4 0 +3 -7 +2
    assert FEATURES["Average Length of Melodic Arcs"](piece) == 4 / 2
    assert FEATURES["Average Interval Spanned by Melodic Arcs"](piece) == (7 + 7) / 2
    assert FEATURES["Direction of Melodic Motion"](piece) == 3 / 4


def test_an_embellishment_is_a_third_as_long_as_its_neighbours(make_midi: MakeMidi) -> None:
    notes = [(0, 300, 60), (300, 400, 62), (400, 700, 60), (700, 801, 62), (801, 1100, 60)]
    assert FEATURES["Melodic Embellishments"](Piece(make_midi(notes))) == 1 / 5


def test_an_embellishment_has_its_neighbours_in_its_own_channel(make_midi: MakeMidi) -> None:
    # In order of channel and time the short note stands between long ones.
    notes = [(0, 100, 62, 64, 1), (0, 900, 60), (100, 900, 60, 64, 1)]
    assert FEATURES["Melodic Embellishments"](Piece(make_midi(notes))) == 0


@pytest.mark.parametrize(("distance", "variety"), [(1, 1), (16, 16), (17, 0)])
def test_pitch_variety_counts_onsets_until_a_pitch_returns(
    make_midi: MakeMidi, distance: int, variety: int
) -> None:
    between = range(1, distance)
    notes = _line(60, *(60 + i for i in between), 60)
    assert FEATURES["Melodic Pitch Variety"](Piece(make_midi(notes))) == variety


def test_simultaneous_notes_are_one_step_of_variety(make_midi: MakeMidi) -> None:
    notes = [(0, 9, 60), (10, 19, 64), (10, 19, 67), (20, 29, 60), (20, 29, 60, 64, 1)]
    assert FEATURES["Melodic Pitch Variety"](Piece(make_midi(notes))) == 2


def test_a_lone_note_makes_no_melody(make_midi: MakeMidi) -> None:
    piece = Piece(make_midi(_line(60)))
    assert {name for name, feature in FEATURES.items() if np.any(feature(piece))} == set()
