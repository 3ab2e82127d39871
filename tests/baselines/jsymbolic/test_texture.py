from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.piece import Piece
from baselines.jsymbolic.native.texture import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]


@pytest.fixture(scope="module")
def trio(make_midi: MakeMidi) -> Piece:
    """A loud low voice, a soft high one and drums; ends of both voices do not meet."""
    low = [(0, 480, 40, 100), (480, 960, 50, 101)]
    high = [(i * 240, i * 240 + 240, 70 + i, 50, 1) for i in range(6)]
    drums = [(0, 10, 45, 120, 9)]
    return Piece(make_midi([*low, *high, *drums]))


_TRIO = {
    "Maximum Number of Independent Voices": 3,
    "Average Number of Independent Voices": (3 * 10 + 2 * 950 + 480) / 1440,
    "Voice Equality - Note Duration": np.std([1, 1.5, 10 / 960], ddof=1),
    "Voice Equality - Range": 5 / 2**0.5,
    "Importance of Loudest Voice": 120 - (100 + 50) / 2,
    "Relative Range of Loudest Voice": 10 / 35,
    "Relative Range Isolation of Loudest Voice": 1,
    "Relative Range of Highest Line": 5 / 35,
    "Relative Note Density of Highest Line": 72 / 4,
    "Relative Note Durations of Lowest Line": (1 / 2) / (2 / 8),
    "Relative Size of Melodic Intervals in Lowest Line": 10 / 5.5,
    "Voice Overlap": 1 / 9,
    "Voice Separation": 72 - 45,
    "Variability of Voice Separation": 0,
}


@pytest.mark.parametrize(("name", "value"), _TRIO.items())
def test_voices_are_channels(trio: Piece, name: str, value: float) -> None:
    assert FEATURES[name](trio) == pytest.approx(value)


_MOTIONS = {
    "Parallel Motion": ((60, 64), (62, 66)),
    "Similar Motion": ((60, 64), (62, 69)),
    "Contrary Motion": ((60, 64), (59, 67)),
    "Oblique Motion": ((60, 64), (60, 65)),
    "Parallel Fifths": ((60, 67), (62, 69)),
    "Parallel Octaves": ((60, 72), (62, 74)),
}


@pytest.mark.parametrize("kind", _MOTIONS)
def test_motion_of_two_voices(make_midi: MakeMidi, kind: str) -> None:
    first, second = _MOTIONS[kind]
    notes = [(0, 480, p) for p in first] + [(480, 960, p) for p in second]
    assert FEATURES[kind](Piece(make_midi(notes))) == 1


@pytest.mark.parametrize(("delay", "found"), [(149, 1), (150, 0)])
def test_late_voices_are_waited_for(make_midi: MakeMidi, delay: int, found: int) -> None:
    notes = [(0, 480, 60), (0, 480, 64), (480, 2000, 62), (480 + delay, 2000, 66)]
    assert FEATURES["Parallel Motion"](Piece(make_midi(notes))) == found


def test_the_end_of_the_piece_waits_for_none(make_midi: MakeMidi) -> None:
    notes = [(0, 480, 60), (0, 480, 64), (480, 600, 62), (500, 600, 66)]
    assert FEATURES["Parallel Motion"](Piece(make_midi(notes))) == 0


def test_silent_voices_leave_isolation_undefined_as_in_the_program(make_midi: MakeMidi) -> None:
    mute = [(0, b"\xb3\x07\x00", 0), (0, b"\xb4\x07\x00", 0)]
    piece = Piece(make_midi([(0, 480, 60, 64, 3), (0, 480, 64, 64, 4)], mute))
    value = FEATURES["Relative Range Isolation of Loudest Voice"](piece)
    assert value != value  # nan: no note in the first channel, by no notes
