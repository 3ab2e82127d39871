from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.derived import Derivation
from models.tokens.compound import (
    ATTRIBUTES,
    COMPOUND,
    MASK,
    PAD,
    RESCALED,
    RESCALED_VELOCITY,
    SIZES,
    encode_compound,
    segments,
    velocity_classes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.midi import Midi

    MidiOf = Callable[..., Midi]
    Event = tuple[int, bytes]

_NEW, _SAME = 0, 1


def on(tick: int, pitch: int = 60, velocity: int = 64, channel: int = 0) -> Event:
    return tick, bytes([0x90 | channel, pitch, velocity])


def off(tick: int, pitch: int = 60, channel: int = 0) -> Event:
    return tick, bytes([0x80 | channel, pitch, 0])


def track(*notes: tuple[int, int, int]) -> list[Event]:
    """Notes of (onset, end, pitch)."""
    events = [on(onset, pitch) for onset, _, pitch in notes]
    events += [off(end, pitch) for _, end, pitch in notes]
    return sorted(events, key=lambda event: event[0])


def test_a_note_is_bar_position_pitch_duration(midi_of: MidiOf) -> None:
    midi = midi_of(track((0, 60, 60), (240, 720, 62), (2040, 2280, 64), (4800, 4920, 22)))
    assert encode_compound(midi).tolist() == [
        [_NEW, 0, 38, 0],
        [_SAME, 2, 40, 7],
        [_NEW, 1, 42, 3],
        # The onset grid ends before the last onset, so the last note moves back by a position.
        [_NEW, 7, 0, 1],
    ]


def test_onsets_go_to_the_nearest_position_the_earlier_of_two(midi_of: MidiOf) -> None:
    midi = midi_of(
        track((59, 99, 60), (60, 99, 61), (61, 99, 62), (1860, 1899, 63), (9999, 10000, 64))
    )
    assert encode_compound(midi)[:4, :2].tolist() == [
        [_NEW, 0],
        [_SAME, 0],
        [_SAME, 1],
        [_SAME, 15],
    ]


@pytest.mark.parametrize(
    ("ticks", "word"), [(1, 0), (90, 0), (91, 1), (150, 1), (151, 2), (3840, 63), (50_000, 63)]
)
def test_durations_go_to_the_nearest_of_64_the_shorter_of_two(
    midi_of: MidiOf, ticks: int, word: int
) -> None:
    assert encode_compound(midi_of(track((0, ticks, 60))))[0, 3] == word


def test_the_last_onset_moves_back_even_from_the_grid(midi_of: MidiOf) -> None:
    midi = midi_of(track((0, 100, 60), (1920, 2000, 60)))
    assert encode_compound(midi)[:, :2].tolist() == [[_NEW, 0], [_SAME, 15]]


def test_when_all_notes_begin_at_once_the_grid_is_one_point(midi_of: MidiOf) -> None:
    midi = midi_of(track((0, 100, 64), (0, 200, 60)))
    assert encode_compound(midi).tolist() == [[_NEW, 0, 38, 2], [_SAME, 0, 42, 1]]


@pytest.mark.parametrize(
    ("pitch", "folded"), [(0, 24), (21, 33), (22, 22), (107, 107), (108, 96), (120, 96), (127, 103)]
)
def test_pitches_without_a_word_move_by_octaves(midi_of: MidiOf, pitch: int, folded: int) -> None:
    assert encode_compound(midi_of(track((0, 100, pitch))))[0, 2] == folded - 22


def test_without_notes_there_are_no_rows(midi_of: MidiOf) -> None:
    for midi in (midi_of([]), midi_of([on(0)]), midi_of([off(9)])):
        assert encode_compound(midi).shape == (0, 4)
        assert velocity_classes(midi).shape == (0,)


def test_overlapping_notes_of_one_pitch_end_in_turn(midi_of: MidiOf) -> None:
    midi = midi_of([on(0), on(120), off(240), off(960), off(1000)])
    assert encode_compound(midi)[:, 3].tolist() == [3, 13]


def test_channels_and_tracks_pair_their_own_notes(midi_of: MidiOf) -> None:
    first = [on(0), on(0, channel=1), off(480, channel=1), off(960)]
    midi = midi_of(first, [on(0), off(240)])
    # By instrument, and the instrument whose note ends first comes first.
    assert encode_compound(midi)[:, 3].tolist() == [7, 15, 3]


def test_notes_of_one_onset_stand_by_track_then_pitch(midi_of: MidiOf) -> None:
    midi = midi_of(track((0, 100, 64), (0, 90, 62)), track((0, 100, 60)), track((500, 600, 60)))
    assert encode_compound(midi)[:, 2].tolist() == [40, 42, 38, 38]


def _with_velocities(midi: Midi) -> NDArray[np.int16]:
    """Tokens with their velocity classes, shape (n_notes, 5)."""
    return np.column_stack([encode_compound(midi), velocity_classes(midi)])


def test_velocity_classes_stand_in_the_order_of_their_notes(midi_of: MidiOf) -> None:
    velocities = [1, 31, 32, 48, 64, 80, 95, 96, 127]
    events = [on(0, 60 + i, velocity) for i, velocity in enumerate(velocities)]
    events += [off(100, 60 + i) for i in range(len(velocities))]
    assert encode_compound(midi_of(events))[:, 2].tolist() == list(range(38, 47))
    assert velocity_classes(midi_of(events)).tolist() == [0, 0, 1, 2, 3, 4, 4, 5, 5]


def test_velocities_follow_notes_that_change_places_when_rescaled(midi_of: MidiOf) -> None:
    events = [on(1, 64, 127), on(2, 60, 1), off(400, 64), off(401, 60)]
    midi = midi_of(events, beat=960)  # both begin at tick 1 of 480 per beat
    for words, velocities, expected in (
        (encode_compound, velocity_classes, [[42, 5], [38, 0]]),
        (RESCALED.compute, RESCALED_VELOCITY.compute, [[38, 0], [42, 5]]),
    ):
        assert np.column_stack([words(midi)[:, 2], velocities(midi)]).tolist() == expected


def test_the_header_is_not_looked_at_unless_rescaled(midi_of: MidiOf) -> None:
    notes = track((0, 96, 60), (48, 96, 62), (192, 288, 60), (400, 500, 72))
    in_quarters_of_96 = midi_of(notes, beat=96)
    in_quarters_of_480 = midi_of([(5 * tick, event) for tick, event in notes], beat=480)
    assert np.array_equal(COMPOUND.compute(in_quarters_of_96), COMPOUND.compute(midi_of(notes)))
    assert np.array_equal(RESCALED.compute(in_quarters_of_96), COMPOUND.compute(in_quarters_of_480))
    assert not np.array_equal(
        RESCALED.compute(in_quarters_of_96), COMPOUND.compute(in_quarters_of_96)
    )


@settings(deadline=None)
@given(n=st.integers(0, 50), length=st.integers(1, 12))
def test_segments_put_together_are_the_clip(n: int, length: int) -> None:
    pieces = [range(n)[part] for part in segments(n, length)]
    assert list(chain(*pieces)) == list(range(n))
    assert all(len(piece) == length for piece in pieces[:-1])
    assert all(0 < len(piece) <= length for piece in pieces[-1:])


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 59, 60, 61, 120, 500, 1920, 8000]),  # ticks since the last
        st.booleans(),  # on or off
        st.sampled_from([0, 1]),  # channel
        st.sampled_from([20, 60, 61, 108]),  # pitch
        st.integers(1, 127),  # velocity
    ),
    max_size=30,
)


def _by_the_book(tracks: list[list[Event]]) -> list[list[int]]:
    """The public recipe, one note at a time."""
    notes: list[tuple[int, int, int, int]] = []  # onset, end, pitch, velocity
    for events in tracks:
        instruments: dict[int, list[tuple[int, int, int, int]]] = {}
        sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for tick, (status, pitch, velocity) in events:
            channel = status & 15
            waiting = sounding.setdefault((channel, pitch), [])
            if status >= 0x90:
                waiting.append((tick, velocity))
            elif waiting:
                onset, velocity_on = waiting.pop(0)
                note = (onset, tick, pitch, velocity_on)
                instruments.setdefault(channel, []).append(note)
        for members in instruments.values():
            notes += sorted(members, key=lambda note: (note[0], note[2]))
    notes.sort(key=lambda note: note[0])
    if not notes:
        return []
    grid = np.arange(0, max(notes[-1][0], 1), 120)
    durations = np.arange(60, 3841, 60)
    rows, last_bar = [], None
    for onset, end, pitch, velocity in notes:
        snapped = grid[np.argmin(abs(grid - onset))]
        bar = snapped // 1920
        positions = np.linspace(1920 * bar, 1920 * (bar + 1), 16, endpoint=False)
        folded = next(p for p in (pitch, pitch + 12, pitch - 12) if 22 <= p <= 107)
        dynamics = np.searchsorted([0, 32, 48, 64, 80, 96, 128], velocity, side="right") - 1
        rows.append(
            [
                _SAME if bar == last_bar else _NEW,
                int(np.argmin(abs(positions - snapped))),
                folded - 22,
                int(np.argmin(abs(durations - (end - onset)))),
                int(dynamics),
            ]
        )
        last_bar = bar
    return rows


@settings(max_examples=100, deadline=None)
@given(tracks=st.lists(_EVENTS, min_size=1, max_size=3))
def test_any_notes_are_encoded_by_the_book(
    midi_of: MidiOf, tracks: list[list[tuple[int, bool, int, int, int]]]
) -> None:
    written = [
        [
            on(int(tick), pitch, velocity, channel) if is_on else off(int(tick), pitch, channel)
            for tick, (_, is_on, channel, pitch, velocity) in zip(
                np.cumsum([event[0] for event in events]), events, strict=True
            )
        ]
        for events in tracks
    ]
    tokens = _with_velocities(midi_of(*written))
    assert tokens.tolist() == _by_the_book(written)
    assert (tokens >= 0).all()
    assert (tokens[:, :4] < PAD).all()


def test_padding_and_mask_are_the_last_two_words() -> None:
    assert len(ATTRIBUTES) == len(SIZES) == 4
    for size, pad, mask in zip(SIZES, PAD, MASK, strict=True):
        assert (pad, mask) == (size - 2, size - 1)


def test_bars_begin_anew_only_when_the_bar_changes(midi_of: MidiOf) -> None:
    onsets = range(0, 9600, 480)
    tokens = encode_compound(midi_of(track(*((onset, onset + 60, 60) for onset in onsets))))
    assert tokens[:, 0].tolist() == [
        _NEW,
        *(_NEW if b // 1920 > a // 1920 else _SAME for a, b in pairwise(onsets)),
    ]


def test_a_version_is_a_promise_about_every_token(digest_of: Callable[[Derivation], str]) -> None:
    """Another digest wants another version: records and caches are kept under it."""
    assert (COMPOUND.version, digest_of(Derivation("both", 1, _with_velocities))) == (
        1,
        "d60a4a6b4a1366da4c3e90bbac5304699f64bdef085b18aa181f40cc1a69008d",
    )
