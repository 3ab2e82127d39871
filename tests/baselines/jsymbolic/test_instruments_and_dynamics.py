from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.dynamics import FEATURES as DYNAMICS
from baselines.jsymbolic.native.instrumentation import FEATURES as INSTRUMENTATION
from baselines.jsymbolic.native.piece import Piece

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]


def _second(i: int, channel: int = 0, track: int = 0) -> tuple[int, ...]:
    return (960 * i, 960 * i + 960, 60, 64, channel, track)


def _present(name: str, piece: Piece) -> list[int]:
    return np.flatnonzero(INSTRUMENTATION[name](piece)).tolist()


def test_a_program_holds_for_its_channel_and_track(make_midi: MakeMidi) -> None:
    programs = [(0, b"\xc0\x28", 0), (960, b"\xc0\x38", 0), (0, b"\xc1\x05", 1)]
    notes = [_second(0), _second(1), _second(2, track=1), _second(3, channel=1, track=1)]
    piece = Piece(make_midi(notes, programs))
    assert _present("Pitched Instruments Present", piece) == [0, 5, 40, 56]
    assert INSTRUMENTATION["Violin Prevalence"](piece) == 1 / 4
    assert INSTRUMENTATION["Brass Prevalence"](piece) == 1 / 4
    assert INSTRUMENTATION["Electric Instrument Prevalence"](piece) == 1 / 4
    assert INSTRUMENTATION["String Keyboard Prevalence"](piece) == 2 / 4
    time = np.asarray(INSTRUMENTATION["Time Prevalence of Pitched Instruments"](piece))
    assert time[[0, 5, 40, 56]].tolist() == [1 / 4] * 4


def test_times_of_instruments_are_cut_to_seconds(make_midi: MakeMidi) -> None:
    piece = Piece(make_midi([(0, 3 * 960 - 1, 60)], end=4 * 960 + 900))
    assert np.asarray(INSTRUMENTATION["Time Prevalence of Pitched Instruments"](piece))[0] == 2 / 4


def test_only_standard_percussion_has_a_name(make_midi: MakeMidi) -> None:
    keys = [34, 35, 81, 81, 82]
    notes = [(480 * i, 480 * i + 9, key, 64, 9) for i, key in enumerate(keys)]
    piece = Piece(make_midi([*notes, _second(5)]))
    assert _present("Unpitched Instruments Present", piece) == [0, 46]
    assert INSTRUMENTATION["Number of Unpitched Instruments"](piece) == 2
    assert INSTRUMENTATION["Unpitched Percussion Instrument Prevalence"](piece) == pytest.approx(
        5 / 6
    )
    spread = INSTRUMENTATION["Variability of Note Prevalence of Unpitched Instruments"](piece)
    assert spread == pytest.approx(0.5**0.5)


def test_loudness_is_velocity_times_volume_cut_to_an_integer(make_midi: MakeMidi) -> None:
    half = [(480, b"\xb0\x07\x40", 0)]
    notes = [(0, 480, 60, 100), (480, 960, 60, 101), (0, 480, 64, 20, 1)]
    piece = Piece(make_midi(notes, half))
    assert DYNAMICS["Dynamic Range"](piece) == 100 - 20
    assert DYNAMICS["Average Note to Note Change in Dynamics"](piece) == (100 - 50) / 2


def test_a_volume_further_down_the_file_wins(make_midi: MakeMidi) -> None:
    volumes = [(480, b"\xb0\x07\x00", 0), (0, b"\xb0\x07\x7f", 1)]
    notes = [(0, 480, 60, 100), (480, 960, 60, 100)]
    piece = Piece(make_midi([*notes, (0, 1, 60, 100, 5, 1)], volumes))
    assert DYNAMICS["Dynamic Range"](piece) == 0


def test_voices_vary_one_by_one(make_midi: MakeMidi) -> None:
    notes = [(0, 9, 60, 10), (10, 19, 60, 12), (0, 9, 60, 90, 1)]
    piece = Piece(make_midi(notes))
    assert DYNAMICS["Variation of Dynamics In Each Voice"](piece) == pytest.approx(2**0.5 / 2)
