"""What many of jSymbolic 2.2's features share: notes, time, loudness, melodic lines, sonorities.

jSymbolic holds tables with one row for every MIDI tick. Here time is cut only where something
changes, so memory grows with the notes and not with the length of the piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.numerics import add_tick_by_tick, normalised

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.midi import Midi, NoteArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

PERCUSSION = 9  # MIDI channel 10, counted from 0
N_CHANNELS = 16
_DEFAULT_TEMPO = 500_000  # microseconds per beat: 120 BPM
_VOLUME = 7  # the controller that sets a channel's volume


@dataclass(frozen=True, slots=True)
class Steps:
    """A function of the tick that changes at a few ticks only."""

    ticks: IntArray  # shape (n_steps,), strictly increasing, the first is 0
    values: FloatArray  # shape (n_steps,): from this tick on

    def at(self, ticks: IntArray) -> FloatArray:
        """The function's values, shape of `ticks`."""
        return self.values[np.searchsorted(self.ticks, ticks, side="right") - 1]

    def runs(self, begin: int, end: int) -> list[tuple[float, int]]:
        """(value, number of ticks) for the ticks begin..end-1, in order."""
        if len(self.ticks) == 1:
            return [(float(self.values[0]), end - begin)]
        edges = np.append(self.ticks, np.iinfo(np.int64).max).clip(begin, end)
        lengths = np.diff(edges)
        return [(float(v), int(n)) for v, n in zip(self.values, lengths, strict=True) if n]


def steps(initial: float, ticks: IntArray, values: FloatArray) -> Steps:
    """A function set to `initial`, then by each event in file order from its tick to the end.

    An event further down the file thus silences earlier ones of later ticks, as in jSymbolic.
    """
    kept: list[tuple[int, float]] = [(0, initial)]
    for tick, value in zip(ticks.tolist(), values.tolist(), strict=True):
        while kept and kept[-1][0] >= tick:
            kept.pop()
        kept.append((tick, value))
    return Steps(
        np.array([tick for tick, _ in kept], dtype=np.int64),
        np.array([value for _, value in kept], dtype=np.float64),
    )


@dataclass(frozen=True, slots=True)
class Sonorities:
    """What sounds between two changes: the pitched notes that have a note-off, percussion apart.

    Rows are stretches of time without a change in the sounding notes, in temporal order, silent
    ones included. Columns are the pitches that occur at all.
    """

    ticks: IntArray  # shape (n_stretches,): where it begins
    length: IntArray  # shape (n_stretches,): ticks, > 0
    pitches: IntArray  # shape (n_pitches,), increasing
    count: IntArray  # shape (n_stretches, n_pitches): notes sounding
    strength: IntArray  # shape (n_stretches, n_pitches): sum of their velocities


class Piece:
    """One MIDI file and everything that several features need of it, computed when asked for."""

    def __init__(self, midi: Midi) -> None:
        self.midi = midi
        self.notes: NoteArray = midi.notes

    # Notes

    @cached_property
    def is_pitched(self) -> BoolArray:
        """Not on the percussion channel, shape (n_notes,)."""
        return np.not_equal(self.notes.channel, PERCUSSION)

    @cached_property
    def pitched(self) -> NoteArray:
        """The notes outside the percussion channel."""
        return self.notes[self.is_pitched]

    @cached_property
    def closed_pitched(self) -> NoteArray:
        """Those of them that have a note-off; some features overlook all others."""
        return self.notes[self.is_pitched & self.notes.closed]

    @cached_property
    def loudness(self) -> IntArray:
        """Velocity times channel volume at the onset, cut to an integer, shape (n_notes,)."""
        notes = self.notes
        volume = np.ones(len(notes))
        for channel, function in self.channel_volume.items():
            here = notes.channel == channel
            volume[here] = function.at(notes.onset[here])
        return (notes.velocity * volume).astype(np.int64)

    @cached_property
    def channel_volume(self) -> dict[int, Steps]:
        """Volume 0..1 of each channel that has a volume controller (CC 7)."""
        controls = self.midi.controls[self.midi.controls["controller"] == _VOLUME]
        return {
            channel: steps(
                1.0,
                controls["tick"][controls["channel"] == channel],
                controls["value"][controls["channel"] == channel] / 127.0,
            )
            for channel in sorted(set(controls["channel"].tolist()))
        }

    @cached_property
    def pitch_histogram(self) -> FloatArray:
        """Fraction of the pitched note-ons at each MIDI pitch, shape (128,)."""
        return normalised(np.bincount(self.pitched.pitch, minlength=128))

    @cached_property
    def pitch_class_histogram(self) -> FloatArray:
        """Fraction of the pitched note-ons of each pitch class from C, shape (12,)."""
        padded = np.append(self.pitch_histogram, np.zeros(4)).reshape(11, 12)
        result: FloatArray = np.add.accumulate(padded)[-1]  # by octave: rounding decides ties
        return result

    # Melodic lines

    @cached_property
    def lines(self) -> tuple[IntArray, IntArray]:
        """The notes ordered by track and channel, within each in file order.

        Returns:
            Indices into `notes`, and for each the number of its line, both shape (n_notes,).
        """
        key = self.notes.track * N_CHANNELS + self.notes.channel
        order = np.argsort(key, kind="stable")
        ordered = key[order]
        number = np.zeros(len(order), dtype=np.int64)
        number[1:] = np.cumsum(ordered[1:] != ordered[:-1])
        return order, number

    @cached_property
    def melodic_intervals(self) -> list[IntArray]:
        """Signed semitones from note to note of each line (track and channel), percussion apart.

        From the last note of one tick to the first of the next, in file order; lines with at
        least one note, by track, then channel.
        """
        order, number = self.lines
        pitch, onset = self.notes.pitch[order], self.notes.onset[order]
        starts = np.flatnonzero(np.append(True, number[1:] != number[:-1])[: len(order)])
        result = []
        for begin, end in zip(starts, np.append(starts[1:], len(order)), strict=True):
            if self.notes.channel[order[begin]] != PERCUSSION:
                moves = np.diff(pitch[begin:end])
                result.append(moves[np.diff(onset[begin:end]) != 0])
        return result

    # Time

    @property
    def n_ticks(self) -> int:
        """Length of the piece in ticks."""
        return self.midi.n_ticks

    @cached_property
    def seconds(self) -> float:
        """Length of the piece in whole microseconds, as seconds.

        As Java's sequencer tells it: by the tempo events of the first track alone, each stretch
        of equal tempo cut to whole microseconds.
        """
        tempos = self.midi.tempos[self.midi.tempos["track"] == 0]
        ticks, values = tempos["tick"].tolist(), tempos["microseconds_per_beat"].tolist()
        if not ticks or ticks[0] != 0:
            ticks, values = [0, *ticks], [_DEFAULT_TEMPO, *values]
        total = 0
        for begin, end, value in zip(ticks, [*ticks[1:], self.n_ticks], values, strict=True):
            length = min(end, self.n_ticks) - min(begin, self.n_ticks)
            total += int(float(length) * value / self.midi.ticks_per_beat)
        return total / 1e6

    @cached_property
    def mean_ticks_per_second(self) -> float:
        """Over the whole piece; nan or infinite for one of no length."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(self.n_ticks) / np.float64(self.seconds))

    @cached_property
    def mean_tick_seconds(self) -> float:
        """Mean length of a tick over the whole piece; nan for one of no length."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.float64(self.seconds) / np.float64(self.n_ticks))

    @cached_property
    def quarter_seconds(self) -> float:
        """Mean length of a quarter note over the whole piece."""
        return self.midi.ticks_per_beat * self.mean_tick_seconds

    @cached_property
    def tick_seconds(self) -> Steps:
        """Length of each tick in seconds; before the first tempo event the mean of the piece."""
        with np.errstate(divide="ignore"):
            initial = float(1.0 / np.float64(self.mean_ticks_per_second))
        tempos = self.midi.tempos
        per_tick = tempos["microseconds_per_beat"] / self.midi.ticks_per_beat / 1e6
        return steps(initial, tempos["tick"], per_tick)

    def seconds_between(self, begin: IntArray, end: IntArray) -> FloatArray:
        """Seconds from tick to tick, added tick by tick, shape of `begin`."""
        function = self.tick_seconds
        step = np.searchsorted(function.ticks, begin, side="right") - 1
        last = np.searchsorted(function.ticks, end - 1, side="right") - 1
        length = np.maximum(end - begin, 0)
        result = np.zeros(len(begin))
        for i in set(step.tolist()):
            here = step == i
            terms = np.full(int(length[here].max()) + 1, function.values[i])
            terms[0] = 0.0
            result[here] = np.add.accumulate(terms)[length[here]]
        for i in np.flatnonzero((last > step) & (length > 0)):  # the tempo changes on the way
            result[i] = add_tick_by_tick(function.runs(int(begin[i]), int(end[i])))
        return result

    @cached_property
    def note_seconds(self) -> FloatArray:
        """Length of each note in seconds, shape (n_notes,)."""
        return self.seconds_between(self.notes.onset, self.notes.end)

    @cached_property
    def note_quarters(self) -> FloatArray:
        """Length of each note in quarter notes, shape (n_notes,)."""
        return self.notes.duration / self.midi.ticks_per_beat

    # Sounding notes

    @cached_property
    def sonorities(self) -> Sonorities:
        """The sounding pitched notes, stretch by stretch; of no stretch when there is no note."""
        notes = self.closed_pitched
        notes = notes[notes.end > notes.onset]
        ticks = np.unique(np.concatenate([notes.onset, notes.end]))
        pitches, column = np.unique(notes.pitch, return_inverse=True)
        shape = (len(ticks), len(pitches))
        count, strength = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
        begin, end = np.searchsorted(ticks, notes.onset), np.searchsorted(ticks, notes.end)
        np.add.at(count, (begin, column), 1)
        np.add.at(count, (end, column), -1)
        np.add.at(strength, (begin, column), notes.velocity)
        np.add.at(strength, (end, column), -notes.velocity)
        count, strength = np.cumsum(count, axis=0), np.cumsum(strength, axis=0)
        return Sonorities(ticks[:-1], np.diff(ticks), pitches, count[:-1], strength[:-1])

    def sounding(self, mask: BoolArray) -> tuple[IntArray, IntArray]:
        """The stretches in which at least one of the masked notes sounds.

        Returns:
            First ticks and ends, both shape (n_stretches,), in order, neither touching nor
            overlapping. Notes without a note-off sound to the end of their track.
        """
        notes = self.notes[mask & (self.notes.end > self.notes.onset)]
        order = np.argsort(notes.onset, kind="stable")
        onset, reach = notes.onset[order], np.maximum.accumulate(notes.end[order])
        fresh = np.append(True, onset[1:] > reach[:-1])[: len(onset)]
        last = np.append(fresh[1:], True)[: len(onset)]
        return onset[fresh], reach[last]

    def seconds_of(self, begin: IntArray, end: IntArray) -> float:
        """Seconds of all these stretches together, added tick by tick in their order."""
        function = self.tick_seconds
        if len(function.ticks) == 1:
            runs = [(float(function.values[0]), int((end - begin).sum()))]
        else:
            pairs = zip(begin.tolist(), end.tolist(), strict=True)
            runs = [run for pair in pairs for run in function.runs(*pair)]
        return add_tick_by_tick(runs)
