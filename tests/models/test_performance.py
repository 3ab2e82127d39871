from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.tokens.performance import END, PERFORMANCE, VOCABULARY, ids, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.derived import Derivation
    from bench.midi import Midi

    MidiOf = Callable[..., Midi]
    Event = tuple[int, bytes]


def on(tick: int, pitch: int = 60, velocity: int = 64, channel: int = 0) -> Event:
    return tick, bytes([0x90 | channel, pitch, velocity])


def off(tick: int, pitch: int = 60, channel: int = 0) -> Event:
    return tick, bytes([0x80 | channel, pitch, 0])


def tempo(tick: int, microseconds: int) -> Event:
    return tick, b"\xff\x51\x03" + microseconds.to_bytes(3, "big")


def encoded(midi: Midi) -> str:
    """The words, parted by spaces, without the end."""
    *text, end = words(PERFORMANCE.compute(midi))
    assert end == END
    return " ".join(text)


def test_words_are_written_when_they_change(midi_of: MidiOf) -> None:
    # 480 ticks are half a second, eight units.
    chord = [on(0, 64, 63), on(0, 67, 60), off(480, 64), off(480, 67)]
    after = [on(480, 60, 60), off(960, 60), on(1440, 60, 80), off(1500, 60)]
    assert encoded(midi_of(chord + after)) == ("v_60 d_8 n_64 n_67 . n_60 d_16 . v_80 d_1 n_60")


def test_time_before_the_first_note_is_waited(midi_of: MidiOf) -> None:
    assert encoded(midi_of([on(960), off(1920)])) == "d_16 . v_64 n_60"


def test_without_notes_only_the_end_is_left(midi_of: MidiOf) -> None:
    for midi in (midi_of([]), midi_of([on(0)]), midi_of([off(9)])):
        assert words(PERFORMANCE.compute(midi)) == [END]


def test_waits_and_durations_end_at_56_units(midi_of: MidiOf) -> None:
    assert encoded(midi_of([on(48_000), off(96_000)])) == "d_56 . v_64 n_60"


def test_a_note_that_rounds_to_nothing_is_left_out_but_time_passes(midi_of: MidiOf) -> None:
    events = [on(480, 61, 99), off(481, 61), on(960, 62), off(1440, 62)]
    assert encoded(midi_of(events)) == "d_8 . . v_64 n_62"


@pytest.mark.parametrize(
    ("pitch", "folded"), [(0, 36), (29, 41), (30, 30), (95, 95), (96, 84), (127, 91)]
)
def test_pitches_move_by_octaves_into_range(midi_of: MidiOf, pitch: int, folded: int) -> None:
    assert encoded(midi_of([on(0, pitch), off(480, pitch)])) == f"v_64 d_8 n_{folded}"


@pytest.mark.parametrize(("velocity", "word"), [(1, 32), (35, 32), (36, 36), (127, 124)])
def test_velocities_go_down_to_a_multiple_of_four(
    midi_of: MidiOf, velocity: int, word: int
) -> None:
    assert encoded(midi_of([on(0, velocity=velocity), off(480)])) == f"v_{word} d_8 n_60"


def test_tempo_counts_in_the_first_track_only(midi_of: MidiOf) -> None:
    notes = [on(0), off(480), on(480), off(960)]
    slowing = [tempo(0, 250_000), tempo(0, 500_000), tempo(480, 1_000_000)]
    assert encoded(midi_of(slowing, notes)) == "v_64 d_8 n_60 . d_16 n_60"
    assert encoded(midi_of([], slowing, notes)) == "v_64 d_8 n_60 . n_60"


def test_a_beat_of_no_time_is_no_failure(midi_of: MidiOf) -> None:
    assert encoded(midi_of([tempo(0, 0), on(0), tempo(480, 500_000), off(960)])) == "v_64 d_8 n_60"


def test_a_note_off_ends_all_open_notes_of_its_pitch(midi_of: MidiOf) -> None:
    assert encoded(midi_of([on(0), on(240), off(480), off(960)])) == "v_64 d_8 n_60 d_4 . n_60"


def test_a_note_struck_again_before_its_note_off_sounds_on(midi_of: MidiOf) -> None:
    again = [on(0), on(480), off(480), on(960), off(960), off(1920)]
    assert encoded(midi_of(again)) == "v_64 d_8 n_60 . n_60 . d_16 n_60"


def test_the_vocabulary_is_sorted_and_goes_both_ways() -> None:
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 152
    assert list(VOCABULARY) == sorted(VOCABULARY)
    assert words(ids(VOCABULARY)) == list(VOCABULARY)
    assert ids(VOCABULARY).tolist() == list(range(152))


def test_a_word_of_another_vocabulary_is_named() -> None:
    with pytest.raises(ValueError, match="d_57"):
        ids(["d_56", "d_57"])


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 7, 60, 100, 480, 1500]),  # ticks since the last
        st.sampled_from(["on", "on", "off", "off", "tempo"]),
        st.sampled_from([0, 1]),  # channel
        st.sampled_from([20, 60, 61, 100]),  # pitch
        st.integers(1, 127),  # velocity, or tempo
    ),
    max_size=30,
)


def _clock_by_the_book(first_track: list[Event], beat: int) -> Callable[[int], float]:
    """From ticks to seconds."""
    stretches = [(0, 60.0 / (120.0 * beat))]
    for tick, event in first_track:
        if event[0] == 0xFF:
            scale = 60.0 / (6e7 / int.from_bytes(event[3:], "big") * beat)
            if tick == 0:
                stretches = [(0, scale)]
            elif scale != stretches[-1][1]:
                stretches.append((tick, scale))

    def seconds(tick: int) -> float:
        begin = 0.0
        for (start, scale), (stop, _) in pairwise([*stretches, (tick, 0.0)]):
            if tick <= stop:
                return begin + scale * (tick - start)
            begin += scale * (stop - start)
        raise AssertionError(tick)

    return seconds


def _by_the_book(tracks: list[list[Event]], beat: int) -> list[str]:
    """The public recipe, one event at a time."""
    seconds = _clock_by_the_book(tracks[0], beat)
    notes: list[tuple[int, int, int, int]] = []  # onset and end in ms, pitch, velocity
    for events in tracks:
        instruments: dict[int, list[tuple[int, int, int, int]]] = {}
        sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for tick, event in events:
            if event[0] == 0xFF:
                continue
            channel, pitch, velocity = event[0] & 15, event[1], event[2]
            waiting = sounding.setdefault((channel, pitch), [])
            if event[0] >= 0x90:
                waiting.append((tick, velocity))
                continue
            ended = [note for note in waiting if note[0] != tick]
            sounding[channel, pitch] = [n for n in waiting if n[0] == tick] if ended else []
            for onset, loudness in ended:
                span = int(1000 * seconds(onset)), int(1000 * seconds(tick))
                instruments.setdefault(channel, []).append((*span, pitch, loudness))
        for members in instruments.values():
            notes += members
    text: list[str] = []
    now = last_duration = last_velocity = 0
    for onset, end, pitch, velocity in sorted(notes, key=lambda note: note[0]):
        wait = min(round((onset - now) / 1000 / 0.0625), 56)
        if wait:
            text += [f"d_{wait}"] * (wait != last_duration) + ["."]
            last_duration = wait
        now = onset
        duration = min(round((end - onset) / 1000 / 0.0625), 56)
        if duration:
            quantised = max(velocity, 32) // 4 * 4
            text += [f"v_{quantised}"] * (quantised != last_velocity)
            text += [f"d_{duration}"] * (duration != last_duration)
            text += [f"n_{next(p for p in (pitch, pitch + 12, pitch - 12) if 30 <= p < 96)}"]
            last_velocity, last_duration = quantised, duration
    return [*text, "\n"]


@settings(max_examples=100, deadline=None)
@given(
    tracks=st.lists(_EVENTS, min_size=1, max_size=3),
    beat=st.sampled_from([96, 384, 480, 1001]),
)
def test_any_notes_are_encoded_by_the_book(
    midi_of: MidiOf, tracks: list[list[tuple[int, str, int, int, int]]], beat: int
) -> None:
    written: list[list[Event]] = []
    for events in tracks:
        written.append([])
        tick = 0
        for delta, kind, channel, pitch, number in events:
            tick += delta
            if kind == "tempo":
                written[-1].append(tempo(tick, 7919 * number))
            elif kind == "on":
                written[-1].append(on(tick, pitch, number, channel))
            else:
                written[-1].append(off(tick, pitch, channel))
    midi = midi_of(*written, beat=beat)
    assert words(PERFORMANCE.compute(midi)) == _by_the_book(written, beat)


def test_a_version_is_a_promise_about_every_token(digest_of: Callable[[Derivation], str]) -> None:
    """Another digest wants another version: records and caches are kept under it."""
    assert (PERFORMANCE.version, digest_of(PERFORMANCE)) == (
        1,
        "0ec3cbc9c4da52b21f769f7c7eca1f199607ccbc187e8e2bf65ecf26004b8de9",
    )
