from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.catalogue import functions
from baselines.jsymbolic.native.piece import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]


def _value(midi: Midi, name: str) -> float:
    value = functions()[name](Piece(midi))
    assert isinstance(value, float | int)
    return value


def _values(midi: Midi, name: str) -> list[float]:
    return [float(value) for value in np.ravel(functions()[name](Piece(midi)))]


def _lasting(*lengths: int, channel: int = 0, track: int = 0) -> list[tuple[int, ...]]:
    ends = np.cumsum(lengths).tolist()
    return [
        (end - length, end, 60, 64, channel, track)
        for length, end in zip(lengths, ends, strict=True)
    ]


def _time_signature(tick: int, numerator: int, power: int, track: int = 0) -> object:
    return tick, bytes([0xFF, 0x58, 4, numerator, power, 24, 8]), track


def _tempo(tick: int, microseconds: int, track: int = 0) -> object:
    return tick, b"\xff\x51\x03" + microseconds.to_bytes(3, "big"), track


_METERS = {
    2: {"Simple", "Duple"},
    3: {"Simple", "Triple"},
    4: {"Simple", "Quadruple"},
    5: {"Complex"},
    6: {"Compound", "Duple"},
    9: {"Compound", "Complex", "Triple"},
    12: {"Compound", "Quadruple"},
    1: set(),
}


@pytest.mark.parametrize(("numerator", "kinds"), _METERS.items())
def test_meter_is_told_by_the_first_numerator(
    make_midi: MakeMidi, numerator: int, kinds: set[str]
) -> None:
    midi = make_midi(_lasting(480), [_time_signature(0, numerator, 3), _time_signature(9, 4, 2)])
    assert _values(midi, "Initial Time Signature") == [numerator, 8]
    names = ("Simple", "Compound", "Complex", "Duple", "Triple", "Quadruple")
    assert {name for name in names if _value(midi, f"{name} Initial Meter")} == kinds


def test_time_signatures_count_once_each(make_midi: MakeMidi) -> None:
    signatures = [(0, 3, 2), (480, 4, 2), (960, 3, 2), (1440, 3, 3)]
    midi = make_midi(_lasting(1920), [_time_signature(*s) for s in signatures])
    assert _value(midi, "Metrical Diversity") == 3
    bare = make_midi(_lasting(1920))
    assert _value(bare, "Metrical Diversity") == 1
    assert _values(bare, "Initial Time Signature") == [4, 4]


# A dotted eighth note is 360 ticks, an eighth note 240: 300 ticks are the longer one.
@pytest.mark.parametrize(
    ("ticks", "value"), [(1, 0), (89, 0), (90, 1), (299, 2), (300, 3), (480, 4), (99_999, 11)]
)
def test_lengths_go_to_the_nearest_rhythmic_value(
    make_midi: MakeMidi, ticks: int, value: int
) -> None:
    histogram = _values(make_midi(_lasting(ticks), end=480), "Rhythmic Value Histogram")
    assert np.flatnonzero(histogram).tolist() == [value]


def test_rhythmic_values_and_offsets(make_midi: MakeMidi) -> None:
    midi = make_midi(_lasting(480, 480, 240, 264, 720, 960))
    assert _value(midi, "Range of Rhythmic Values") == 4
    assert _value(midi, "Number of Different Rhythmic Values Present") == 4
    assert _value(midi, "Number of Common Rhythmic Values Present") == 4
    assert _value(midi, "Prevalence of Short Rhythmic Values") == pytest.approx(2 / 6)
    assert _value(midi, "Prevalence of Medium Rhythmic Values") == pytest.approx(1)
    assert _value(midi, "Prevalence of Dotted Notes") == pytest.approx(1 / 6)
    assert _value(midi, "Shortest Rhythmic Value") == 0.5
    assert _value(midi, "Longest Rhythmic Value") == 2
    assert _value(midi, "Mean Rhythmic Value") == pytest.approx((2 + 1 + 1.5 + 2) / 6)
    assert _value(midi, "Most Common Rhythmic Value") == 0.5  # the first of equals
    assert _value(midi, "Mean Rhythmic Value Offset") == pytest.approx(24 / 480 / 6)


def test_runs_of_rhythmic_values_stay_in_their_track_and_channel(make_midi: MakeMidi) -> None:
    notes = [
        *_lasting(480, 480, 480, 240, 480),
        *_lasting(480, 480, channel=1),
        *_lasting(480, track=1),
    ]
    midi = make_midi(notes)
    assert _value(midi, "Mean Rhythmic Value Run Length") == 8 / 5
    assert _value(midi, "Median Rhythmic Value Run Length") == 1
    medians = _values(midi, "Rhythmic Value Median Run Lengths Histogram")
    assert medians[4] == pytest.approx(2 / 3)  # of runs 1, 1, 2, 3 the upper middle
    assert medians[2] == pytest.approx(1 / 3)


def test_rests_of_all_and_of_single_channels(make_midi: MakeMidi) -> None:
    # Two quarter notes of both voices' rest from 960, one more of the second's from 480; the drum
    # fills neither.
    notes = [(0, 960, 60), (1920, 2400, 60), (0, 480, 72, 64, 1), (1920, 2400, 72, 64, 1)]
    midi = make_midi([*notes, (0, 2400, 36, 64, 9)])
    assert _value(midi, "Complete Rests Fraction") == pytest.approx(960 / 2400)
    assert _value(midi, "Partial Rests Fraction") == pytest.approx(1440 / 2400)
    assert _value(midi, "Average Rest Fraction Across Voices") == pytest.approx(2400 / 2400 / 3)
    assert _value(midi, "Longest Complete Rest") == pytest.approx(2)
    assert _value(midi, "Longest Partial Rest") == pytest.approx(3)
    assert _value(midi, "Mean Partial Rest Duration") == pytest.approx(2.5)
    assert _value(midi, "Median Partial Rest Duration") == pytest.approx(3)
    assert _value(midi, "Variability of Partial Rest Durations") == pytest.approx(0.5**0.5)


def test_rests_shorter_than_a_tenth_of_a_quarter_are_none(make_midi: MakeMidi) -> None:
    midi = make_midi([(0, 480, 60), (520, 960, 60), (1010, 1440, 60)])
    assert _value(midi, "Mean Complete Rest Duration") == pytest.approx(50 / 480)
    assert _value(midi, "Complete Rests Fraction") == pytest.approx(90 / 1440)
    full = make_midi([(0, 480, 60)])
    assert _value(full, "Longest Partial Rest") == 0


def test_a_note_without_an_end_sounds_in_its_channel_alone(make_midi: MakeMidi) -> None:
    midi = make_midi([(0, None, 60)], end=960)
    assert _value(midi, "Complete Rests Fraction") == pytest.approx(1)
    assert _value(midi, "Partial Rests Fraction") == 0


def test_initial_tempo_is_a_whole_number(make_midi: MakeMidi) -> None:
    midi = make_midi(_lasting(960), [_tempo(0, 440_000), _tempo(480, 1_000_000)])
    assert _value(midi, "Initial Tempo") == 136  # 136.36
    assert _value(make_midi(_lasting(960)), "Initial Tempo") == 120


def test_tempo_is_averaged_over_ticks(make_midi: MakeMidi) -> None:
    midi = make_midi(_lasting(960), [_tempo(0, 500_000), _tempo(480, 1_000_000)])
    ticks = np.array([120.0] * 480 + [60.0] * 481)
    assert _value(midi, "Mean Tempo") == pytest.approx(ticks.mean())
    assert _value(midi, "Tempo Variability") == pytest.approx(ticks.std(ddof=1))
    assert _value(midi, "Duration in Seconds") == 1.5


def test_time_between_attacks_leaves_out_the_tick_of_an_attack(make_midi: MakeMidi) -> None:
    voices = [*_lasting(480, 480, 480), (0, 480, 40, 64, 1), (1440, 1920, 40, 64, 1)]
    midi = make_midi(voices)
    assert _value(midi, "Average Time Between Attacks") == pytest.approx(479 / 960)
    each = (479 + 1439) / 960 / 2
    assert _value(midi, "Average Time Between Attacks for Each Voice") == pytest.approx(each)
    assert _value(midi, "Variability of Time Between Attacks") == pytest.approx(0)


# A tenth of a second: 48 and 96 ticks, whose sums in floating point are just above and below it.
@pytest.mark.parametrize(("ticks_per_beat", "staccato"), [(240, 0), (480, 1)])
def test_staccato_is_decided_by_seconds_added_tick_by_tick(
    make_midi: MakeMidi, ticks_per_beat: int, staccato: int
) -> None:
    notes = [(0, ticks_per_beat // 5, 60)]
    midi = make_midi(notes, [_tempo(0, 500_000)], ticks_per_beat=ticks_per_beat, end=960)
    assert _value(midi, "Amount of Staccato") == staccato


def test_densities_of_less_than_a_second_are_zero(make_midi: MakeMidi) -> None:
    voices = [*_lasting(240, 240), (0, 480, 40, 64, 1)]
    assert _value(make_midi(voices, end=959), "Note Density") == 0
    assert _value(make_midi(voices, end=1920), "Note Density") == 3 / 2
    assert _value(make_midi(voices, end=1920), "Note Density per Quarter Note") == 3 / 4
    per_voice = _value(make_midi(voices, end=1920), "Note Density per Quarter Note per Voice")
    assert per_voice == 3 / 4 / 2


def _beats(beats: Iterable[float], velocity: int = 64) -> list[tuple[int, ...]]:
    ticks = [round(480 * beat) for beat in beats]
    return [(tick, tick + 60, 60, velocity) for tick in ticks]


def test_a_steady_beat_is_the_strongest_pulse(make_midi: MakeMidi) -> None:
    midi = make_midi(_beats(range(32)), [_tempo(0, 500_000)])
    assert _value(midi, "Strongest Rhythmic Pulse") == 120
    assert _value(midi, "Second Strongest Rhythmic Pulse") == 60
    assert _value(midi, "Harmonicity of Two Strongest Rhythmic Pulses") == 2
    assert _value(midi, "Strength Ratio of Two Strongest Rhythmic Pulses") == pytest.approx(31 / 30)
    # Beats of 40 BPM are three of 120.
    bins = np.array(_values(midi, "Beat Histogram"))
    assert np.flatnonzero(bins).tolist() == [0, 20, 80]
    np.testing.assert_allclose(bins[[0, 20, 80]] * 90, [29, 30, 31])
    assert _value(midi, "Number of Strong Rhythmic Pulses") == 3
    assert _value(midi, "Rhythmic Looseness") == 0
    assert _value(midi, "Polyrhythms") == 1


def test_of_two_equal_neighbours_the_slower_is_the_pulse(make_midi: MakeMidi) -> None:
    # Lags of 100 and 101 BPM, and both together.
    midi = make_midi([(0, 60, 60), (576, 636, 60), (1147, 1207, 60)])
    bins = np.array(_values(midi, "Beat Histogram"))
    assert np.flatnonzero(bins).tolist() == [51 - 40, 100 - 40, 101 - 40]
    assert bins[60] == bins[61]
    assert _value(midi, "Number of Strong Rhythmic Pulses") == 2
    assert _value(midi, "Second Strongest Rhythmic Pulse") == 100


def test_the_standardised_histogram_knows_no_tempo(make_midi: MakeMidi) -> None:
    rhythm = _beats(np.cumsum([0, 0.5, 1, 0.5, 0.75, 0.25] * 6))
    slow, fast = (make_midi(rhythm, [_tempo(0, us)]) for us in (937_500, 400_000))
    name = "Beat Histogram Tempo Standardized"
    assert _values(slow, name) == _values(fast, name)
    assert _value(slow, "Strongest Rhythmic Pulse") != _value(fast, "Strongest Rhythmic Pulse")


@pytest.mark.parametrize(("whole", "third"), [(127, 10), (10, 127)])
def test_louder_pulses_are_stronger(make_midi: MakeMidi, whole: int, third: int) -> None:
    beats = _beats(np.arange(0, 32), velocity=whole)
    thirds = _beats(np.arange(1 / 3, 32, 2 / 3), velocity=third)
    bins = _values(make_midi([*beats, *thirds]), "Beat Histogram Tempo Standardized")
    assert (bins[120 - 40] > bins[180 - 40]) == (whole > third)
