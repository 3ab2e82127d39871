"""What many of jSymbolic 2.2's features share: notes, time, loudness, melodic lines, sonorities.

jSymbolic holds tables with one row for every MIDI tick. Here time is cut only where something
changes, so memory grows with the notes and not with the length of the piece.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.beat_histogram import BeatHistogram, beat_histograms
from baselines.jsymbolic.native.channels import N_CHANNELS, Channels, channels
from baselines.jsymbolic.native.lines import MelodicLine, lines, melodic_lines
from baselines.jsymbolic.native.motion import Motion, motion
from baselines.jsymbolic.native.numerics import add_tick_by_tick, fold_octaves, normalised
from baselines.jsymbolic.native.rhythm_rests import Rests, rests
from baselines.jsymbolic.native.rhythm_timing import Attacks, attacks
from baselines.jsymbolic.native.rhythm_values import RhythmicValues, rhythmic_values
from baselines.jsymbolic.native.sonorities import Sonorities, sonorities
from baselines.jsymbolic.native.steps import Steps, steps
from baselines.jsymbolic.native.stretches import union
from bench.midi import DEFAULT_TEMPO, PERCUSSION, MidiError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.stretches import Stretches
    from bench.midi import Midi, NoteArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

    #: Gives the value, or the values, of one feature.
    Feature = Callable[["Piece"], float | Sequence[float] | FloatArray]

_VOLUME = 7  # the controller that sets a channel's volume
_TABLE = 1 << 16  # ticks; bounds the memory for lengths in seconds
_MOST_RUNS = 1_000_000  # stretches of one tempo to add up; a symphony has a tenth of them


class Piece:
    """One MIDI file and everything that several features need of it, computed when asked for."""

    def __init__(self, midi: Midi) -> None:
        self.midi = midi
        self.notes: NoteArray = midi.notes
        self._runs_left = _MOST_RUNS

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
    def program(self) -> IntArray:
        """The General MIDI patch of each note counted from 0, shape (n_notes,); 0 if never set.

        A program change holds for its channel in its own track alone.
        """
        notes, events = self.notes, self.midi.programs
        # Events and notes by channel of a track, and there as they stand in the file; before all
        # of them an event of no channel, so that "the last before" always exists.
        span = len(notes) + 1
        place = (events["track"] * N_CHANNELS + events["channel"]) * span + events["notes_before"]
        order = np.argsort(place, kind="stable")
        place, program = np.append(-span, place[order]), np.append(0, events["program"][order])
        channel = notes.track * N_CHANNELS + notes.channel
        last = np.searchsorted(place, channel * span + np.arange(len(notes)), side="right") - 1
        return np.where(place[last] // span == channel, program[last], 0)

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
    def pitch_bends(self) -> list[IntArray]:
        """The coarse values 0..127 of the pitch bends between two note-offs of a channel.

        jSymbolic takes every such group for a bent note. Percussion is left out.
        """
        bends, offs = self.midi.pitch_bends, self.midi.note_offs
        result: list[IntArray] = []
        for channel in sorted(set(bends["channel"].tolist()) - {PERCUSSION}):
            here = bends[bends["channel"] == channel]
            so_far = np.append(0, np.cumsum(offs["channel"] == channel))
            group = so_far[here["note_offs_before"]]
            values = here["bend"] + 8192 >> 7
            result.extend(np.split(values, np.flatnonzero(np.diff(group)) + 1))
        return result

    @cached_property
    def channels(self) -> Channels:
        """The statistics of each MIDI channel."""
        return channels(self)

    # Pitch

    @cached_property
    def pitch_histogram(self) -> FloatArray:
        """Fraction of the pitched note-ons at each MIDI pitch, shape (128,)."""
        return normalised(np.bincount(self.pitched.pitch, minlength=128))

    @cached_property
    def pitch_class_histogram(self) -> FloatArray:
        """Fraction of the pitched note-ons of each pitch class from C, shape (12,)."""
        return fold_octaves(self.pitch_histogram)

    @cached_property
    def lines(self) -> tuple[IntArray, IntArray]:
        """The notes ordered by track and channel, within each in file order.

        Returns:
            Indices into `notes`, and for each the number of its line, both shape (n_notes,).
        """
        return lines(self)

    @cached_property
    def melodic_lines(self) -> list[MelodicLine]:
        """One for each track and channel with notes, percussion apart, by track, then channel."""
        return melodic_lines(self)

    @cached_property
    def melodic_interval_histogram(self) -> FloatArray:
        """Fraction of the melodic intervals of each size in semitones, shape (128,)."""
        sizes = [np.abs(line.intervals) for line in self.melodic_lines]
        joined = np.concatenate(sizes) if sizes else np.zeros(0, dtype=np.int64)
        return normalised(np.bincount(joined, minlength=128))

    # Time

    @property
    def n_ticks(self) -> int:
        """Length of the piece in ticks."""
        return self.midi.n_ticks

    @cached_property
    def seconds(self) -> float:
        """Length of the piece in whole microseconds, as seconds.

        As Java's sequencer has it: by the tempo events of the first track alone, each stretch
        of equal tempo cut to whole microseconds.
        """
        tempos = self.midi.tempos[self.midi.tempos["track"] == 0]
        ticks, values = tempos["tick"].tolist(), tempos["microseconds_per_beat"].tolist()
        if not ticks or ticks[0] != 0:
            ticks, values = [0, *ticks], [DEFAULT_TEMPO, *values]
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
            return self.tick_seconds_from(float(1.0 / np.float64(self.mean_ticks_per_second)))

    def tick_seconds_from(self, initial: float) -> Steps:
        """Length of each tick in seconds; `initial` before the first tempo event."""
        tempos = self.midi.tempos
        per_tick = tempos["microseconds_per_beat"] / self.midi.ticks_per_beat / 1e6
        return steps(initial, tempos["tick"], per_tick)

    def seconds_between(self, begin: IntArray, end: IntArray) -> FloatArray:
        """Seconds from tick to tick, added tick by tick, shape of `begin`."""
        function = self.tick_seconds
        step = np.searchsorted(function.ticks, begin, side="right") - 1
        last = np.searchsorted(function.ticks, end - 1, side="right") - 1
        length = np.maximum(end - begin, 0)
        tabled = (last <= step) & (length < _TABLE)  # of one tempo, and short as notes are
        result = np.zeros(len(begin))
        here = np.flatnonzero(tabled)
        here = here[np.argsort(step[here], kind="stable")]
        for group in np.split(here, np.flatnonzero(np.diff(step[here])) + 1) if len(here) else []:
            terms = np.full(int(length[group].max()) + 1, function.values[step[group[0]]])
            terms[0] = 0.0
            result[group] = np.add.accumulate(terms)[length[group]]
        for i in np.flatnonzero(~tabled):
            result[i] = self._add_up(function.runs(int(begin[i]), int(end[i])))
        return result

    @cached_property
    def note_seconds(self) -> FloatArray:
        """Length of each note in seconds, shape (n_notes,)."""
        return self.seconds_between(self.notes.onset, self.notes.end)

    # Rhythm

    @cached_property
    def rhythmic_values(self) -> RhythmicValues:
        """The notes as rhythmic values."""
        return rhythmic_values(self)

    @cached_property
    def rests(self) -> Rests:
        """Where nothing sounds, and where a channel is silent."""
        return rests(self)

    @cached_property
    def attacks(self) -> Attacks:
        """The times between attacks."""
        return attacks(self)

    @cached_property
    def beat_histograms(self) -> tuple[BeatHistogram, BeatHistogram]:
        """The beat histogram at the mean tempo of the piece and at 120 BPM."""
        return beat_histograms(self)

    # Sounding notes

    @cached_property
    def sonorities(self) -> Sonorities:
        """What sounds together, percussion and notes without a note-off apart."""
        return sonorities(self.closed_pitched)

    @cached_property
    def motion(self) -> Motion:
        """How voices move from sonority to sonority."""
        return motion(self.sonorities)

    @cached_property
    def channel_stretches(self) -> dict[int, Stretches]:
        """For each channel with notes the stretches in which it sounds, as from `sounding`."""
        channel = self.notes.channel
        return {c: self.sounding(channel == c) for c in sorted(set(channel.tolist()))}

    def sounding(self, mask: BoolArray) -> Stretches:
        """The stretches in which at least one of the masked notes sounds.

        Notes without a note-off sound to the end of their track.
        """
        notes = self.notes[mask & (self.notes.end > self.notes.onset)]
        return union(notes.onset, notes.end)

    def seconds_of(self, begin: IntArray, end: IntArray) -> float:
        """Seconds of all these stretches together, added tick by tick in their order."""
        function = self.tick_seconds
        if len(function.ticks) == 1:
            runs = [(float(function.values[0]), int((end - begin).sum()))]
        else:
            pairs = zip(begin.tolist(), end.tolist(), strict=True)
            runs = [run for pair in pairs for run in function.runs(*pair)]
        return self._add_up(runs)

    def _add_up(self, runs: list[tuple[float, int]]) -> float:
        """`add_tick_by_tick`, for as long as a piece can be given time."""
        self._runs_left -= len(runs)
        if self._runs_left < 0:
            raise MidiError("too many changes of tempo while notes sound")
        return add_tick_by_tick(runs)
