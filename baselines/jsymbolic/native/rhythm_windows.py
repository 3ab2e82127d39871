"""A piece cut into windows of equal time, as jSymbolic cuts it for the variability of note density.

Each window becomes a small piece of its own, and its length is that of its events: a window whose
last note ends early is shorter than the others. A note that is held from one window into the next
is struck again there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import add_up
from bench.midi import DEFAULT_TEMPO, MidiError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Piece
    from baselines.jsymbolic.native.steps import Steps
    from bench.midi import Midi

    IntArray = NDArray[np.int64]

_MOST_WINDOWS = 1_000_000  # eight weeks of music in windows of five seconds
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Shapes (n_windows,)."""

    note_ons: IntArray
    ticks: IntArray  # length
    microseconds: IntArray  # length


def windows(piece: Piece, seconds: float) -> Windows:
    """Cut a piece into windows of this length.

    Raises:
        MidiError: the piece lasts no time, or there would be more than a million windows.
    """
    begin, end = _bounds(piece, seconds)
    last = np.append(end[:-1], end[-1] + 1)  # what comes right after the last window counts there
    onset = piece.notes.onset[piece.notes.onset <= last[-1]]
    own = np.bincount(np.searchsorted(begin, onset, side="right") - 1, minlength=len(begin))
    again, cut_off = _held_notes(piece.midi, begin)
    events = _event_ticks(piece.midi)
    length = np.maximum(events[np.searchsorted(events, last, side="right") - 1] - begin, 0)
    length[cut_off] = (end - begin)[cut_off]
    if piece.n_ticks <= last[-1]:
        length[-1] = piece.n_ticks - begin[-1]
    return Windows(own + again, length, _microseconds(piece.midi, begin, begin + length))


def _bounds(piece: Piece, seconds: float) -> tuple[IntArray, IntArray]:
    """First and last ticks of the windows; their seconds are added up tick by tick."""
    if not piece.seconds:
        raise MidiError("lasts no time, so it has no note density")
    if piece.seconds / seconds > _MOST_WINDOWS:
        raise MidiError(f"too long: more than {_MOST_WINDOWS:,} windows of {seconds:g} s")
    tick_seconds = _tick_seconds(piece)
    values, stop = tick_seconds.values.tolist(), piece.n_ticks + 1
    changes = [*tick_seconds.ticks[1:].tolist(), stop]

    @cache
    def whole(tick_seconds: float) -> tuple[float, int]:
        """Seconds and ticks of a window without a change of tempo."""
        return add_up(0.0, tick_seconds, stop, seconds)

    begin, end = [], []
    tick, now, elapsed = 0, 0, 0.0
    while elapsed <= piece.seconds and tick < stop:
        begin.append(tick)
        total = 0.0
        while total < seconds and tick < stop:
            left = changes[now] - tick
            if total == 0.0 and whole(values[now])[1] <= left:
                total, used = whole(values[now])
            else:
                total, used = add_up(total, values[now], left, seconds)
            tick += used
            now += used == left
        end.append(tick - 1)
        elapsed += total
    return np.array(begin, dtype=np.int64), np.array(end, dtype=np.int64)


def _tick_seconds(piece: Piece) -> Steps:
    """Length of each tick; before the first tempo event from a *whole* number of ticks a second."""
    ticks_per_second = int(min(piece.mean_ticks_per_second, np.iinfo(np.int32).max))
    return piece.tick_seconds_from(1.0 / ticks_per_second if ticks_per_second else math.inf)


def _event_ticks(midi: Midi) -> IntArray:
    """The ticks of all events, sorted, 0 first."""
    tables = (
        midi.tempos,
        midi.time_signatures,
        midi.key_signatures,
        midi.programs,
        midi.controls,
        midi.pitch_bends,
        midi.note_offs,
    )
    ticks = [table["tick"] for table in tables]
    return np.unique(np.concatenate([[0], midi.notes.onset, midi.other_ticks, *ticks]))


def _held_notes(midi: Midi, begin: IntArray) -> tuple[IntArray, NDArray[np.bool_]]:
    """The notes held from each window into the next.

    A track holds at most one note of each pitch, whatever its channel: the latest. The next
    note-off of that pitch on any channel ends it.

    Returns:
        How many notes are struck again at the beginning of each window, and whether any is cut off
        at its end, both shape (n_windows,).
    """
    notes, offs = midi.notes, midi.note_offs
    n = len(notes)
    # All note-ons and note-offs by track and pitch, within each in file order.
    key = np.append(notes.track * 128 + notes.pitch, offs["track"] * 128 + offs["pitch"])
    place = np.append(np.arange(n), offs["notes_before"] - 0.5)
    tick = np.append(notes.onset, offs["tick"])
    order = np.lexsort((place, key))
    lasts = np.append(key[order][1:] == key[order][:-1], False)
    until = np.where(lasts, np.append(tick[order][1:], _NEVER), _NEVER)
    is_on = order < n
    first = np.searchsorted(begin, tick[order][is_on], side="right")
    behind = np.searchsorted(begin, until[is_on], side="right")
    change = np.bincount(first, minlength=len(begin) + 1)
    change -= np.bincount(behind, minlength=len(begin) + 1)
    again = np.cumsum(change)[:-1]
    return again, np.append(again[1:] > 0, False)


def _microseconds(midi: Midi, begin: IntArray, end: IntArray) -> IntArray:
    """From tick to tick by the tempo events of the first track, cut at each of them."""
    tempos = midi.tempos[midi.tempos["track"] == 0]
    change = np.append(0, tempos["tick"])
    beat = np.append(DEFAULT_TEMPO, tempos["microseconds_per_beat"])
    first = np.searchsorted(change, begin, side="right") - 1
    last = np.searchsorted(change, end, side="right") - 1
    total = np.trunc((end - begin).astype(np.float64) * beat[first] / midi.ticks_per_beat)
    for i in np.flatnonzero(last > first).tolist():
        inner = slice(first[i] + 1, last[i] + 1)
        ticks = np.diff(np.concatenate([begin[i : i + 1], change[inner], end[i : i + 1]]))
        beats = beat[first[i] : last[i] + 1]
        total[i] = np.trunc(ticks.astype(np.float64) * beats / midi.ticks_per_beat).sum()
    return np.asarray(total, dtype=np.int64)
