"""The compressed sonorities against the same rules carried out tick by tick on random music."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.jsymbolic.native import chords, texture
from baselines.jsymbolic.native.piece import Piece

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]
    Notes = list[tuple[int, int, int, int, int]]
    Ticks = list[dict[int, list[int]]]  # for each tick the velocities by pitch

_LENGTH = 500


def _note(fields: tuple[int, int, int, int, int]) -> tuple[int, int, int, int, int]:
    onset, length, pitch, velocity, channel = fields
    return (onset, min(onset + length, _LENGTH), pitch, velocity, channel)


# One note of a pitch and channel at a time, as a file tells overlapping ones not apart.
_MUSIC = st.lists(
    st.tuples(
        st.integers(0, 20).map(lambda i: 23 * i),
        st.integers(1, 250),
        st.integers(58, 76),
        st.integers(1, 127),
        st.sampled_from([0, 1, 9]),
    ).map(_note),
    min_size=1,
    max_size=24,
    unique_by=lambda note: (note[2], note[4]),
)


def _ticks(notes: Notes) -> Ticks:
    ticks: Ticks = [{} for _ in range(_LENGTH)]
    for onset, end, pitch, velocity, channel in notes:
        if channel != 9:
            for tick in range(onset, end):
                ticks[tick].setdefault(pitch, []).append(velocity)
    return ticks


def _intervals(ticks: Ticks) -> list[float]:
    histogram = [0] * 128
    for tick in ticks:
        for low, high in combinations(sorted(tick), 2):
            histogram[high - low] += sum(tick[low]) + sum(tick[high])
        histogram[0] += sum(sum(velocities) for velocities in tick.values() if len(velocities) > 1)
    return [value / (sum(histogram) or 1) for value in histogram]


def _steps(sounding: list[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    """Pairs of equally many pitches that follow each other, with jSymbolic's patience."""
    now, tick = sounding[0] if sounding else [], 1
    while tick < len(sounding):
        before, now = now, sounding[tick]
        if len(before) != len(now) and tick < len(sounding) - 151:
            later = range(tick + 1, tick + 150)
            same = [t for t in later if len(sounding[t]) == len(before)]
            if same:
                tick = same[0]
                now = sounding[tick]
        if len(before) == len(now):
            yield before, now
        tick += 1


def _motions(ticks: Ticks) -> dict[str, float]:
    counts = dict.fromkeys(["Parallel", "Similar", "Contrary", "Oblique"], 0)
    for before, after in _steps([sorted(tick) for tick in ticks if tick]):
        for i, j in combinations(range(len(before)), 2):
            low, high = after[i] - before[i], after[j] - before[j]
            if low == high == 0:
                continue
            if low * high == 0:
                counts["Oblique"] += 1
            elif low * high < 0:
                counts["Contrary"] += 1
            else:
                counts["Parallel" if low == high else "Similar"] += 1
    total = sum(counts.values()) or 1
    return {f"{kind} Motion": count / total for kind, count in counts.items()}


def _chord_quarters(ticks: Ticks, ticks_per_beat: int) -> float:
    orders = [list(dict.fromkeys(pitch % 12 for pitch in sorted(tick))) for tick in ticks if tick]
    changes = sum(a != b for a, b in pairwise(orders))
    return (len(orders) - changes) / (changes + 1) / ticks_per_beat


@settings(max_examples=40, deadline=None)
@given(notes=_MUSIC)
def test_chords_and_motion(make_midi: MakeMidi, notes: Notes) -> None:
    piece, ticks = Piece(make_midi(notes, ticks_per_beat=24, end=_LENGTH)), _ticks(notes)
    np.testing.assert_allclose(piece.sonorities.vertical_intervals, _intervals(ticks), atol=1e-12)
    for name, value in _motions(ticks).items():
        assert texture.FEATURES[name](piece) == pytest.approx(value), name
    assert chords.FEATURES["Chord Duration"](piece) == pytest.approx(_chord_quarters(ticks, 24))
    classes = [len({pitch % 12 for pitch in tick}) for tick in ticks if tick] or [0]
    name = "Variability of Number of Simultaneous Pitch Classes"
    expected = float(np.std(classes, ddof=1)) if len(classes) > 1 else 0.0
    assert chords.FEATURES[name](piece) == pytest.approx(expected, abs=1e-9)
    for third, semitones in (("Minor", 3), ("Major", 4)):
        has = [any((b - a) % 12 == semitones for a, b in combinations(sorted(t), 2)) for t in ticks]
        expected = sum(has) / (sum(map(bool, ticks)) or 1)
        assert chords.FEATURES[f"Vertical {third} Third Prevalence"](piece) == pytest.approx(
            expected
        )


@settings(max_examples=30, deadline=None)
@given(notes=_MUSIC)
def test_voices(make_midi: MakeMidi, notes: Notes) -> None:
    piece = Piece(make_midi(notes, ticks_per_beat=24, end=_LENGTH))
    sounding = [{n[4] for n in notes if n[0] <= tick < n[1]} for tick in range(_LENGTH)]
    counts = [len(channels) for channels in sounding if channels]
    assert texture.FEATURES["Maximum Number of Independent Voices"](piece) == max(counts)
    assert texture.FEATURES["Average Number of Independent Voices"](piece) == pytest.approx(
        np.mean(counts)
    )
    for channel in {note[4] for note in notes}:
        ticks = sum(channel in channels for channels in sounding)
        assert piece.channels.seconds[channel] == pytest.approx(ticks / 48)


@settings(max_examples=50, deadline=None)
@given(
    notes=_MUSIC,
    tempos=st.lists(
        st.tuples(st.integers(0, _LENGTH), st.integers(1, 2_000_000), st.integers(0, 1)), max_size=5
    ),
)
def test_seconds(make_midi: MakeMidi, notes: Notes, tempos: list[tuple[int, int, int]]) -> None:
    messages = [
        (at, b"\xff\x51\x03" + tempo.to_bytes(3, "big"), track) for at, tempo, track in tempos
    ]
    piece = Piece(make_midi(notes, messages, ticks_per_beat=24, end=_LENGTH))
    per_tick = np.full(_LENGTH + 1, piece.mean_tick_seconds)
    for event in piece.midi.tempos:
        per_tick[event["tick"] :] = event["microseconds_per_beat"] / 24 / 1e6
    expected = [
        per_tick[a:b].sum() for a, b in zip(piece.notes.onset, piece.notes.end, strict=True)
    ]
    np.testing.assert_allclose(piece.note_seconds, expected, rtol=1e-9)
