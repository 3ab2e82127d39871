from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.piece import Piece
from baselines.jsymbolic.native.pitch import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]


def _line(*pitches: int, channel: int = 0) -> list[tuple[int, ...]]:
    return [(480 * i, 480 * i + 480, pitch, 64, channel) for i, pitch in enumerate(pitches)]


def _bend(channel: int, coarse: int) -> bytes:
    return bytes([0xE0 | channel, 0, coarse])


def test_mean_pitch_averages_channels_cut_to_integers(make_midi: MakeMidi) -> None:
    notes = _line(60, 61) + _line(72, 72, 73, channel=1) + _line(36, channel=9)
    assert FEATURES["Mean Pitch"](Piece(make_midi(notes))) == (2 * 60 + 3 * 72) / 5


def test_pitch_class_histogram_starts_with_the_most_common(make_midi: MakeMidi) -> None:
    histogram = FEATURES["Pitch Class Histogram"](Piece(make_midi(_line(67, 55, 60, 59))))
    np.testing.assert_allclose(histogram, [0.5, 0, 0, 0, 0.25, 0.25, 0, 0, 0, 0, 0, 0][:12])


def test_folded_histogram_follows_fifths(make_midi: MakeMidi) -> None:
    histogram = FEATURES["Folded Fifths Pitch Class Histogram"](
        Piece(make_midi(_line(60, 67, 62, 65)))
    )
    assert np.flatnonzero(histogram).tolist() == [0, 1, 2, 11]


def test_spread_runs_around_the_circle(make_midi: MakeMidi) -> None:
    piece = Piece(make_midi(_line(65, 60, 67, 62)))
    assert FEATURES["Dominant Spread"](piece) == 4
    every_class = Piece(make_midi(_line(*range(60, 72))))
    assert FEATURES["Dominant Spread"](every_class) == 0  # one in twelve is below 9 %


def test_lone_pitch_is_its_own_runner_up_only_at_the_bottom(make_midi: MakeMidi) -> None:
    relative = FEATURES["Relative Prevalence of Top Pitches"]
    assert relative(Piece(make_midi(_line(60)))) == 0
    assert relative(Piece(make_midi(_line(0)))) == 1


def test_first_and_last_pitch_are_the_lowest_that_sound(make_midi: MakeMidi) -> None:
    notes = [(0, 100, 64), (0, 480, 60), (100, 480, 48), (480, 900, 72), (480, 800, 50)]
    piece = Piece(make_midi(notes))
    assert FEATURES["First Pitch"](piece) == 60
    assert FEATURES["Last Pitch"](piece) == 72
    assert FEATURES["Last Pitch Class"](piece) == 0


def test_percussion_has_no_pitch(make_midi: MakeMidi) -> None:
    piece = Piece(make_midi(_line(36, 40, channel=9)))
    scalars = [name for name in FEATURES if "Histogram" not in name]
    assert {name: FEATURES[name](piece) for name in scalars} == dict.fromkeys(scalars, 0)


@pytest.mark.parametrize(("flag", "minor"), [(0, 0), (1, 1)])
def test_mode_is_that_of_the_first_key_signature(
    make_midi: MakeMidi, flag: int, minor: int
) -> None:
    keys = [(0, b"\xff\x59\x02\x00" + bytes([flag]), 0), (9, b"\xff\x59\x02\x00\x01", 0)]
    assert FEATURES["Major or Minor"](Piece(make_midi(_line(60), keys))) == minor


def test_bends_between_note_offs_are_one_bent_note(make_midi: MakeMidi) -> None:
    bends = [(10, _bend(0, 70), 0), (20, _bend(0, 40), 0), (500, _bend(0, 65), 0)]
    drums = [(10, _bend(9, 0), 0)]
    piece = Piece(make_midi(_line(60, 62, 64, 65), bends + drums))
    assert FEATURES["Glissando Prevalence"](piece) == 2 / 4
    assert FEATURES["Microtone Prevalence"](piece) == 1 / 4
    assert FEATURES["Average Range of Glissandos"](piece) == (24 + 1) / 2


def test_a_bend_before_a_note_off_of_its_tick_belongs_to_the_ending_note(
    make_midi: MakeMidi,
) -> None:
    # At tick 480 the maker writes the bend before the note-off of the first note.
    bends = [(10, _bend(0, 70), 0), (480, _bend(0, 64), 0)]
    piece = Piece(make_midi(_line(60, 62), bends))
    assert FEATURES["Glissando Prevalence"](piece) == 1 / 2


@pytest.mark.parametrize(
    ("coarse", "vibrato"), [((64, 70, 60, 70, 60), 1), ((64, 70, 60, 70), 0), ((64, 70, 66, 70), 0)]
)
def test_vibrato_crosses_its_first_value(
    make_midi: MakeMidi, coarse: tuple[int, ...], vibrato: int
) -> None:
    bends = [(10 + i, _bend(0, value), 0) for i, value in enumerate(coarse)]
    assert FEATURES["Vibrato Prevalence"](Piece(make_midi(_line(60), bends))) == vibrato
