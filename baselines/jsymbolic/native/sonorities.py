"""What sounds together, from change to change: the ground of jSymbolic's chord features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import fold_octaves, normalised
from bench.midi import MidiError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.midi import NoteArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

#: Pitch classes above the root of minor triads, major triads, ... in jSymbolic's numbering.
_CHORD_TYPES = {
    1: (0, 3, 7),
    2: (0, 4, 7),
    3: (0, 3, 6),
    4: (0, 4, 8),
    6: (0, 3, 7, 10),
    7: (0, 4, 7, 10),
    8: (0, 4, 7, 11),
}
_PARTIAL, _OTHER_TRIAD, _OTHER_FOUR, _COMPLEX, _NO_CHORD = 0, 5, 9, 10, 11
#: A pitch above and one below all others, for pitch classes that do not sound.
_ABOVE, _BELOW = 1000, -1000
_MOST_CELLS = 1 << 24  # rows by pitches, about 1 GB; a symphony has a tenth of them


@dataclass(frozen=True, eq=False)
class Sonorities:
    """Stretches of time without a change in what sounds: pitched notes that have a note-off.

    Rows are the stretches in temporal order; silence is left out, so two rows need not touch.
    Columns are the pitches that sound at all. A piece may have no row.
    """

    ticks: IntArray  # shape (n_rows,): where it begins
    length: IntArray  # shape (n_rows,): ticks, > 0
    pitches: IntArray  # shape (n_pitches,), increasing
    count: IntArray  # shape (n_rows, n_pitches): notes sounding
    strength: IntArray  # shape (n_rows, n_pitches): sum of their velocities

    @cached_property
    def present(self) -> BoolArray:
        """Whether a pitch sounds, shape (n_rows, n_pitches)."""
        return np.greater(self.count, 0)

    @cached_property
    def n_pitches(self) -> IntArray:
        """Different pitches sounding, shape (n_rows,)."""
        number: IntArray = np.count_nonzero(self.present, axis=1)
        return number

    @cached_property
    def bounds(self) -> tuple[IntArray, IntArray]:
        """The lowest and the highest sounding pitch of each pitch class.

        Both shape (n_rows, 12); a pitch class that does not sound has a lowest pitch above 127
        and a highest below 0.
        """
        lowest = np.full((len(self.length), 12), _ABOVE)
        highest = np.full((len(self.length), 12), _BELOW)
        if len(self.pitches):
            order = np.argsort(self.pitches % 12, kind="stable")
            classes, starts = np.unique(self.pitches[order] % 12, return_index=True)
            present, pitches = self.present[:, order], self.pitches[order]
            low, high = np.where(present, pitches, _ABOVE), np.where(present, pitches, _BELOW)
            lowest[:, classes] = np.minimum.reduceat(low, starts, axis=1)
            highest[:, classes] = np.maximum.reduceat(high, starts, axis=1)
        return lowest, highest

    @cached_property
    def n_pitch_classes(self) -> IntArray:
        """Different pitch classes sounding, shape (n_rows,)."""
        number: IntArray = np.count_nonzero(self.bounds[0] < _ABOVE, axis=1)
        return number

    @cached_property
    def vertical_intervals(self) -> FloatArray:
        """Histogram of the intervals between sounding pitches in semitones, shape (128,), sum 1.

        An interval counts with the velocities of its two pitches, tick by tick; a unison of
        several notes with the velocities of all of them.
        """
        # Row sums of strength x presence for every ordered pair of pitches; exact in float64.
        weighted = (self.strength * self.length[:, np.newaxis]).astype(np.float64)
        pairs = weighted.T @ self.present.astype(np.float64)
        pairs += pairs.T
        below, above = np.triu_indices(len(self.pitches), 1)
        interval = self.pitches[above] - self.pitches[below]
        histogram = np.bincount(interval, weights=pairs[below, above], minlength=128)
        histogram[0] = weighted[self.count > 1].sum()
        return normalised(histogram)

    @cached_property
    def wrapped_vertical_intervals(self) -> FloatArray:
        """The same modulo octaves, shape (12,)."""
        return fold_octaves(self.vertical_intervals)

    @cached_property
    def chord_types(self) -> FloatArray:
        """Fraction of the chords' time that each of jSymbolic's eleven types takes, shape (11,).

        One sounding pitch class is not a chord, nor are all twelve. MIDI pitch 127 is overlooked.
        """
        bits = (self.bounds[0] < 127) @ (1 << np.arange(12))
        types = _type_of_pitch_class_set()[bits]
        time = np.bincount(types, weights=self.length, minlength=_NO_CHORD + 1)
        return normalised(time[:_NO_CHORD])


def sonorities(notes: NoteArray) -> Sonorities:
    """The sonorities of these notes.

    Raises:
        MidiError: so many that their table would fill the memory.
    """
    notes = notes[notes.end > notes.onset]
    ticks = np.unique(np.concatenate([notes.onset, notes.end]))
    pitches, column = np.unique(notes.pitch, return_inverse=True)
    shape = (len(ticks), len(pitches))
    if shape[0] * max(shape[1], 12) > _MOST_CELLS:
        raise MidiError(f"too many notes: what sounds changes {len(ticks):,} times")
    begin = np.searchsorted(ticks, notes.onset) * len(pitches) + column
    end = np.searchsorted(ticks, notes.end) * len(pitches) + column
    cells = np.concatenate([begin, end])
    size = shape[0] * shape[1]
    signs = np.repeat([1, -1], len(notes))
    velocities = np.concatenate([notes.velocity, -notes.velocity])
    count, strength = (
        np.bincount(cells, weights, size).reshape(shape).cumsum(axis=0)[:-1].astype(np.int64)
        for weights in (signs, velocities)
    )
    sounding = count.any(axis=1)
    return Sonorities(
        ticks[:-1][sounding], np.diff(ticks)[sounding], pitches, count[sounding], strength[sounding]
    )


@cache
def _type_of_pitch_class_set() -> IntArray:
    """The chord type of each set of pitch classes, bit 0 for C, shape (4096,)."""
    sizes = np.array([bits.bit_count() for bits in range(1 << 12)])
    by_size = [_NO_CHORD] * 2 + [_PARTIAL, _OTHER_TRIAD, _OTHER_FOUR] + [_COMPLEX] * 7 + [_NO_CHORD]
    types: IntArray = np.array(by_size)[sizes]
    for kind, intervals in _CHORD_TYPES.items():
        for root in range(12):
            types[sum(1 << (root + interval) % 12 for interval in intervals)] = kind
    return types
