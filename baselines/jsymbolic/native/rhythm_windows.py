"""A piece cut into windows of equal time, as jSymbolic cuts it for the variability of note density.

Each window becomes a small piece of its own, and its length is that of its events: a window whose
last note ends early is shorter than the others. A note that is held from one window into the next
is struck again there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.piece import steps
from bench.midi import MidiError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Piece
    from bench.midi import Midi

    IntArray = NDArray[np.int64]

_DEFAULT_TEMPO = 500_000  # microseconds per beat
_MOST_WINDOWS = 1_000_000  # eight weeks of music in windows of five seconds
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Shapes (n_windows,)."""

    note_ons: IntArray
    ticks: IntArray  # length
    microseconds: IntArray  # length

    def __len__(self) -> int:
        return len(self.ticks)


def windows(piece: Piece, seconds: float) -> Windows:
    """Cut a piece into windows of this length.

    Raises:
        MidiError: there would be more than a million.
    """
    begin, end = _bounds(piece, seconds)
    again, held = _held_notes(piece.midi, begin)
    notes = np.bincount(
        np.searchsorted(begin, piece.notes.onset[piece.notes.onset <= end[-1] + 1], "right") - 1,
        minlength=len(begin),
    )
    events = _event_ticks(piece.midi)
    last = events[np.searchsorted(events, end, side="right") - 1]
    length = np.maximum(last - begin, 0)
    length[held] = (end - begin)[held]
    if piece.n_ticks <= end[-1] + 1:
        length[-1] = piece.n_ticks - begin[-1]
    return Windows(notes + again, length, _microseconds(piece, begin, begin + length))


def add_up(total: float, step: float, count: int, limit: float) -> tuple[float, int]:
    """Add `step` to `total` until it reaches `limit`, `count` times at most, rounding every sum.

    Between two powers of two each addition raises a sum by the same amount, so those are taken at
    one go: a few dozen operations for any count.

    Returns:
        The sum and the number of additions.
    """
    used = 0
    while used < count and total < limit:
        last, total = total, total + step
        used += 1
        rise, ceiling = total - last, math.ldexp(1.0, math.frexp(total)[1])
        if rise == 0.0:
            return total, count
        if last >= ceiling / 2 and (total + step) - total == rise:
            ahead = int(min((min(ceiling, limit) - total) / rise, count - used)) - 2
            if ahead > 0:
                total += ahead * rise
                used += ahead
    return total, used


def _bounds(piece: Piece, seconds: float) -> tuple[IntArray, IntArray]:
    """First and last ticks of the windows. Seconds are added up tick by tick."""
    if not piece.seconds / seconds < _MOST_WINDOWS:
        raise MidiError(f"too long: more than {_MOST_WINDOWS:,} windows of {seconds:g} s")
    tempos = piece.midi.tempos
    mean_ticks_per_second = int(min(piece.mean_ticks_per_second, 2**31 - 1))
    tick_seconds = steps(
        1.0 / mean_ticks_per_second if mean_ticks_per_second else math.inf,
        tempos["tick"],
        tempos["microseconds_per_beat"] / piece.midi.ticks_per_beat / 1e6,
    )
    whole = {}  # a tick's seconds -> seconds and ticks of a window in which they do not change
    begin, end = [], []
    stop = piece.n_ticks + 1
    changes = [*tick_seconds.ticks[1:].tolist(), stop]
    lengths = tick_seconds.values.tolist()
    tick, now, elapsed = 0, 0, 0.0
    while elapsed <= piece.seconds and tick < stop:
        begin.append(tick)
        total = 0.0
        while total < seconds and tick < stop:
            step, left = lengths[now], changes[now] - tick
            if total == 0.0 and whole.get(step, (0.0, left))[1] < left:
                total, used = whole[step]
            else:
                fresh = total == 0.0
                total, used = add_up(total, step, left, seconds)
                if fresh and total >= seconds:
                    whole[step] = total, used
            tick += used
            now += used == left
        end.append(tick - 1)
        elapsed += total
    return np.array(begin, dtype=np.int64), np.array(end, dtype=np.int64)


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


def _microseconds(piece: Piece, begin: IntArray, end: IntArray) -> IntArray:
    """From tick to tick by the tempo events of the first track, cut at each of them."""
    tempos = piece.midi.tempos[piece.midi.tempos["track"] == 0]
    change = np.append(0, tempos["tick"])
    beat = np.append(_DEFAULT_TEMPO, tempos["microseconds_per_beat"])
    first = np.searchsorted(change, begin, side="right") - 1
    last = np.searchsorted(change, end, side="right") - 1
    resolution = piece.midi.ticks_per_beat
    total = np.trunc((end - begin).astype(np.float64) * beat[first] / resolution).astype(np.int64)
    for i in np.flatnonzero(last > first).tolist():
        inner = slice(first[i] + 1, last[i] + 1)
        ticks = np.diff(np.concatenate([begin[i : i + 1], change[inner], end[i : i + 1]]))
        parts = ticks.astype(np.float64) * beat[first[i] : last[i] + 1] / resolution
        total[i] = np.trunc(parts).astype(np.int64).sum()
    return total
