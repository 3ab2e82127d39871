"""The compressed rhythm features against the same rules carried out event by event, and limits."""

from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines.jsymbolic.native.beat_histogram import beat_histograms
from baselines.jsymbolic.native.catalogue import functions
from baselines.jsymbolic.native.numerics import add_up
from baselines.jsymbolic.native.piece import Piece
from baselines.jsymbolic.native.rhythm_windows import windows
from bench.midi import MidiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]

_LENGTH = 900
_BEAT = 24  # ticks


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0, 10), st.floats(1e-6, 3), st.integers(0, 3000), st.floats(1e-3, 100) | st.just(1e9)
)
def test_sums_are_those_of_single_additions(
    total: float, step: float, count: int, limit: float
) -> None:
    slow, used = total, 0
    while used < count and slow < limit:
        slow += step
        used += 1
    assert add_up(total, step, count, limit) == (slow, used)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 3000))
def test_sums_are_those_of_single_additions_at_ties(odd: int, count: int) -> None:
    # Half a unit in the last place more than a multiple of it: every addition is a tie.
    step = (2 * odd + 1) * math.ulp(1.0) / 2
    slow = 1.0
    for _ in range(count):
        slow += step
    assert add_up(1.0, step, count, math.inf) == (slow, count)


def test_sums_of_many_ticks_take_no_time() -> None:
    total, used = add_up(0.0, 1e-6, 10**12, math.inf)
    assert used == 10**12
    assert total == pytest.approx(1e6, rel=1e-3)  # rounding adds up over so many
    assert add_up(1.0, 1e-30, 10**15, 2.0) == (1.0, 10**15)


_NOTES = st.lists(
    st.tuples(
        st.integers(0, 60).map(lambda i: 13 * i),
        st.integers(0, 200) | st.none(),
        st.integers(60, 62),
        st.just(64),
        st.integers(0, 1),
        st.integers(0, 2),
    ).map(lambda n: (n[0], None if n[1] is None else min(n[0] + n[1], _LENGTH), *n[2:])),
    min_size=1,
    max_size=20,
)
_TEMPOS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 48, 100, 480, 899]), st.sampled_from([250_000, 500_000, 730_007])
    ),
    max_size=4,
    unique_by=lambda tempo: tempo[0],
)


def _tempos(midi: Midi) -> dict[int, int]:
    """Microseconds per beat by tick."""
    return {int(event["tick"]): int(event["microseconds_per_beat"]) for event in midi.tempos}


def _bounds_tick_by_tick(midi: Midi, seconds: float) -> list[tuple[int, int]]:
    """First and last ticks of the windows."""
    piece, tempos = Piece(midi), _tempos(midi)
    bounds, tick, elapsed = [], 0, 0.0
    tick_seconds = 1.0 / int(piece.mean_ticks_per_second)
    while elapsed <= piece.seconds and tick <= midi.n_ticks:
        begin, total = tick, 0.0
        while total < seconds and tick <= midi.n_ticks:
            if tick in tempos:
                tick_seconds = tempos[tick] / midi.ticks_per_beat / 1e6
            total += tick_seconds
            tick += 1
        bounds.append((begin, tick - 1))
        elapsed += total
    return bounds


def _microseconds_tick_by_tick(midi: Midi, begin: int, end: int) -> int:
    tempos, beat, stretch, total = _tempos(midi), 500_000, 0, 0
    for tick in range(end):
        if tick in tempos:
            total += int(stretch * beat / midi.ticks_per_beat)
            beat, stretch = tempos[tick], 0
        stretch += tick >= begin
    return total + int(stretch * beat / midi.ticks_per_beat)


def _note_events(midi: Midi, track: int) -> list[tuple[float, int, int, bool]]:
    """Place in the file, tick, pitch and whether it is a note-on."""
    notes = zip(midi.notes.track, midi.notes.onset, midi.notes.pitch, strict=True)
    events = [(float(i), int(on), int(p), True) for i, (t, on, p) in enumerate(notes) if t == track]
    events += [
        (int(off["notes_before"]) - 0.5, int(off["tick"]), int(off["pitch"]), False)
        for off in midi.note_offs
        if off["track"] == track
    ]
    return sorted(events, key=lambda event: event[0])


def _windows_event_by_event(midi: Midi, seconds: float) -> list[tuple[int, int, int]]:
    """Note-ons, ticks and microseconds of the windows of a piece."""
    bounds = _bounds_tick_by_tick(midi, seconds)
    window_of = [i for i, (begin, end) in enumerate(bounds) for _ in range(begin, end + 1)]
    window_of += [len(bounds) - 1] * (midi.n_ticks + 1 - len(window_of))
    behind = bounds[-1][1] + 2  # from here on events are in no window at all
    note_ons, last = [0] * len(bounds), [begin for begin, _ in bounds]
    for tick in _tempos(midi):
        last[window_of[tick]] = max(last[window_of[tick]], tick if tick < behind else 0)
    for track in range(len(midi.track_ends)):
        held: set[int] = set()
        current = 0
        for _, tick, pitch, is_on in [*_note_events(midi, track), (0, midi.n_ticks, -1, False)]:
            while current < window_of[tick]:
                last[current] = bounds[current][1] if held else last[current]
                current += 1
                note_ons[current] += len(held)
            last[current] = max(last[current], tick if tick < behind else 0)
            note_ons[current] += is_on and tick < behind
            held = held | {pitch} if is_on else held - {pitch}
    return [
        (count, end - begin, _microseconds_tick_by_tick(midi, begin, end))
        for count, (begin, _), end in zip(note_ons, bounds, last, strict=True)
    ]


@settings(deadline=None, max_examples=25)
@given(_NOTES, _TEMPOS, st.sampled_from([0.7, 1.0, 3.3, 100.0]))
def test_windows_are_those_made_event_by_event(
    make_midi: MakeMidi,
    notes: list[tuple[int | None, ...]],
    tempos: list[tuple[int, int]],
    seconds: float,
) -> None:
    messages = [(t, b"\xff\x51\x03" + us.to_bytes(3, "big"), 0) for t, us in tempos]
    midi = make_midi(notes, messages, ticks_per_beat=_BEAT, end=_LENGTH)
    cut = windows(Piece(midi), seconds)
    found = zip(cut.note_ons, cut.ticks, cut.microseconds, strict=True)
    assert list(found) == _windows_event_by_event(midi, seconds)


def test_text_and_spare_note_offs_lengthen_a_window(make_midi: MakeMidi) -> None:
    # Windows of five seconds are 4,800 ticks; the first is 10, 100 and 4,000 ticks long.
    notes = [(0, 10, 60), (9000, 9600, 60)]
    lengths = []
    for messages in ([], [(100, b"\xff\x01\x01x", 0)], [(4000, b"\x80\x3c\x00", 0)]):
        midi = make_midi(notes, [(0, b"\xff\x51\x03\x07\xa1\x20", 0), *messages])
        lengths.append(int(windows(Piece(midi), 5.0).ticks[0]))
    assert lengths == [10, 100, 4000]


def test_density_per_quarter_varies_by_nan_where_a_window_has_no_length(
    make_midi: MakeMidi,
) -> None:
    # Ticks of exactly 1/512 s, so that the second window begins with the last tick.
    tempo = [(0, b"\xff\x51\x03\x07\xa1\x20", 0)]
    midi = make_midi([(0, 100, 60)], tempo, ticks_per_beat=256, end=8 * 256)
    assert np.isnan(functions()["Note Density per Quarter Note Variability"](Piece(midi)))
    assert functions()["Note Density Variability"](Piece(midi)) == 0


@settings(deadline=None, max_examples=25)
@given(_NOTES, st.sampled_from([200_000, 500_000, 3_000_000]))
def test_beat_histogram_is_the_autocorrelation_by_ticks(
    make_midi: MakeMidi, notes: list[tuple[int | None, ...]], tempo: int
) -> None:
    message = (0, b"\xff\x51\x03" + tempo.to_bytes(3, "big"), 0)
    midi = make_midi(notes, [message], ticks_per_beat=_BEAT, end=_LENGTH)
    loudness = np.bincount(midi.notes.onset, midi.notes.velocity, minlength=_LENGTH + 1)
    per_second = (Piece(midi).mean_ticks_per_second, 2 * _BEAT)
    for histogram, rate in zip(beat_histograms(Piece(midi)), per_second, strict=True):
        bins = np.zeros(201)
        for bpm in range(40, 201):
            for lag in range(int(rate * 60 / bpm), min(int(rate * 60 / (bpm - 1)), _LENGTH + 1)):
                bins[bpm] += (loudness[lag:] * loudness[: _LENGTH + 1 - lag]).sum()
        total = bins.sum()
        np.testing.assert_allclose(histogram.bins, bins / total if total else bins, rtol=1e-12)
        highest = histogram.bins.max()
        assert histogram.relative[histogram.strongest] == highest
        peaks = histogram.relative[histogram.relative > 0]
        assert (peaks > 0.3 * highest).all()
        assert not (histogram.relative[1:] * histogram.relative[:-1]).any()


_HOSTILE_TICKS = 2**28 - 1


@pytest.mark.parametrize(
    ("ticks_per_beat", "tempo"), [(480, 500_000), (32767, 1), (32767, 2**24 - 1)]
)
def test_memory_is_bounded(make_midi: MakeMidi, ticks_per_beat: int, tempo: int) -> None:
    message = (0, b"\xff\x51\x03" + tempo.to_bytes(3, "big"), 0)
    notes = [(0, 5, 60), (7, 9, 64), (_HOSTILE_TICKS, _HOSTILE_TICKS + 9, 60)]
    piece = Piece(make_midi(notes, [message], ticks_per_beat=ticks_per_beat))
    windows(piece, 5.0)
    tracemalloc.start()
    _, standardised = beat_histograms(Piece(piece.midi))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    assert not standardised.bins[:40].any()


def test_windows_beyond_counting_are_refused(make_midi: MakeMidi) -> None:
    message = (0, b"\xff\x51\x03\xff\xff\xff", 0)
    midi = make_midi([(0, 5, 60)], [message], ticks_per_beat=1, end=_HOSTILE_TICKS)
    with pytest.raises(MidiError, match="too long"):
        windows(Piece(midi), 5.0)


def test_dense_onsets_are_refused_before_they_are_paired(
    make_midi: MakeMidi, monkeypatch: pytest.MonkeyPatch
) -> None:
    midi = make_midi([(100 * i, 100 * i + 9, 60) for i in range(40)])
    beat_histograms(Piece(midi))
    monkeypatch.setattr("baselines.jsymbolic.native.beat_histogram._MOST_PAIRS", 100)
    with pytest.raises(MidiError, match="too many note onsets"):
        beat_histograms(Piece(midi))


def test_a_piece_without_length_has_no_density(make_midi: MakeMidi) -> None:
    with pytest.raises(MidiError, match="lasts no time"):
        windows(Piece(make_midi([(0, 0, 60)])), 5.0)
