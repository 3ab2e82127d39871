"""The Krumhansl-Kessler key of a clip: music21's answer without music21's parser.

`find_key` gives what ``converter.parse(file).analyze('key.krumhanslkessler')`` of music21 10.5
gives, key and correlation, some thousand times faster. What makes the answer is less the key
profiles than the way music21 reads MIDI: it gathers almost simultaneous notes into chords and
quantises onsets and durations before it weighs the pitch classes. Those steps, with their quirks,
are followed here (``midi/translate.py``, ``stream/base.py`` and ``analysis/discrete.py`` there).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.derived import Derivation, derive
from bench.midi import PERCUSSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from bench.clips import Clip
    from bench.midi import Midi, NoteArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

_MAJOR_TONICS = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B")
_MINOR_TONICS = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")
#: The 24 keys in the order of `Key.index`: C major .. B major, C minor .. B minor. Spelled as
#: music21 does, where "-" is a flat.
KEY_NAMES: tuple[str, ...] = (
    *(f"{tonic} major" for tonic in _MAJOR_TONICS),
    *(f"{tonic} minor" for tonic in _MINOR_TONICS),
)
N_KEYS = len(KEY_NAMES)

#: Shorter gaps between onsets, in quarters of a beat, make a chord.
_CHORD_DIVISOR = 4
#: Onsets and durations fall on quarters or thirds of a beat.
_DIVISORS = (4, 3)
#: Both grids lie on twelfths of a beat, in which positions are exact.
_TWELFTHS = 12
#: music21 compares quantisation errors after rounding them to seven digits.
_SAME_ERROR = 1e-7

#: How well pitch classes above the tonic fit a key (Krumhansl & Kessler 1982), as music21 has it:
#: the first minor value is 6.33.
MAJOR_PROFILE = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR_PROFILE = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True, slots=True)
class Key:
    """A key and how well it fits."""

    tonic: int  # pitch class 0..11, C = 0
    minor: bool
    r: float  # Pearson correlation of the clip's pitch classes with the key's profile, -1..1

    @property
    def index(self) -> int:
        """0..23: the majors by tonic, C major = 0, then the minors, C minor = 12."""
        return self.tonic + 12 * self.minor

    @property
    def name(self) -> str:
        """In music21's spelling, such as "B- major" or "F# minor"."""
        return KEY_NAMES[self.index]


def find_key(midi: Midi) -> Key | None:
    """The key of a whole file; None if it has no pitched note that is ever switched off.

    A file in which no key stands out (all correlations 0) is B minor, since ties go to the higher
    tonic, then to minor: music21's rule.
    """
    notes = midi.notes[midi.notes.closed]
    if not np.any(notes.channel != PERCUSSION):
        return None
    r = _correlations(_pitch_class_durations(midi, notes))
    best = int(np.flatnonzero(r == r.max())[-1])
    return Key(best // 2, minor=best % 2 == 1, r=float(r[best]))


def _derive_key(midi: Midi) -> FloatArray:
    key = find_key(midi)
    rows = [] if key is None else [(key.index, key.r)]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


#: One row (`Key.index`, r), or no row where there is no key: shape (1, 2) or (0, 2).
KEY = Derivation("key", 1, _derive_key)


def key_of(values: NDArray[Any]) -> Key | None:
    """The key that one array of the derivation `KEY` stands for."""
    if not len(values):
        return None
    index, r = values[0]
    minor, tonic = divmod(int(index), 12)
    return Key(tonic, minor=bool(minor), r=float(r))


def find_keys(clips: Sequence[Clip]) -> list[Key | None]:
    """The key of every clip, in order; kept on disk.

    Raises:
        UserError: a clip that is not cached cannot be read; the message names its file.
    """
    return [key_of(values) for values in derive(clips, KEY)]


def _pitch_class_durations(midi: Midi, notes: NoteArray) -> FloatArray:
    """Quarter lengths by pitch class, shape (12,), after music21's chords and quantisation."""
    twelfths = np.zeros(12)
    beat = midi.ticks_per_beat
    tracks = np.unique(notes.track)
    parts = _slices(notes.track, tracks)
    for part, others in zip(parts, _other_onsets(midi, tracks), strict=True):
        own = notes[part]
        leader, last, member, chord = _chords(own, beat)
        ticks = np.concatenate([own.onset[leader], *others])
        gaps = _gaps_to_next(_quantise(ticks / beat))[: len(leader)]
        duration = own.duration[last]
        length = _quantise(duration / beat, gaps, positive=duration > 0)
        # music21 makes a chord with percussion in it all percussion, which has no pitch.
        percussive = np.zeros(len(leader), dtype=np.bool_)
        percussive[chord[own.channel[member] == PERCUSSION]] = True
        length[percussive] = 0
        twelfths += np.bincount(own.pitch[member] % 12, length[chord], minlength=12)
    return twelfths / _TWELFTHS


def _chords(notes: NoteArray, ticks_per_beat: int) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Gather one track's notes into chords, a single note being a chord of one.

    A note that no earlier chord has taken leads a new one. It takes every later note that starts
    less than a quarter of a beat after it and ends at most that far from its end, even one that
    another chord has taken too.

    Returns:
        For each chord the index of its leader and of its last member; then, for each membership,
        the note's index and the chord's.
    """
    leaders, lasts = array("q"), array("q")
    members, chords = array("q"), array("q")
    # Ends less than a quarter of a beat apart share a bucket or lie in neighbouring ones, and of
    # two leaders in one bucket the earlier can take no more notes. So three look-ups are enough.
    newest: dict[int, tuple[int, int, int]] = {}  # bucket -> chord, its leader's onset and end
    onsets = (notes.onset * _CHORD_DIVISOR).tolist()
    ends = (notes.end * _CHORD_DIVISOR).tolist()
    for note, (onset, end) in enumerate(zip(onsets, ends, strict=True)):
        bucket = end // ticks_per_beat
        taken = False
        for near in (bucket - 1, bucket, bucket + 1):
            if near in newest:
                chord, leader_onset, leader_end = newest[near]
                if onset - leader_onset < ticks_per_beat >= abs(end - leader_end):
                    taken = True
                    lasts[chord] = note
                    members.append(note)
                    chords.append(chord)
        if not taken:
            newest[bucket] = len(leaders), onset, end
            members.append(note)
            chords.append(len(leaders))
            leaders.append(note)
            lasts.append(note)
    return np.array(leaders), np.array(lasts), np.array(members), np.array(chords)


def _other_onsets(midi: Midi, tracks: IntArray) -> Iterator[list[IntArray]]:
    """For each track the ticks of its other events that music21 makes elements of its stream.

    Names of tracks and instruments, which stand at tick 0 and change nothing there, are left out.
    """
    tables = (midi.tempos, midi.time_signatures, midi.key_signatures, midi.programs)
    program = midi.programs["program"]
    for parts in zip(*(_slices(table["track"], tracks) for table in tables), strict=True):
        ticks = [table["tick"][part] for table, part in zip(tables, parts, strict=True)]
        if len(np.unique(program[parts[-1]])) == 1:
            ticks[-1] = ticks[-1][:1]  # music21 drops repetitions of a track's only instrument
        yield ticks


def _slices(track: IntArray, tracks: IntArray) -> list[slice]:
    """Where the rows of each track stand in a table in file order."""
    begin, end = (np.searchsorted(track, tracks, side) for side in ("left", "right"))
    return list(map(slice, begin.tolist(), end.tolist()))


def _gaps_to_next(positions: FloatArray) -> FloatArray:
    """From each position, in twelfths, to the next later one, in beats; 0 at the last."""
    distinct, place = np.unique(positions, return_inverse=True)
    return np.append(np.diff(distinct), 0.0)[place] / _TWELFTHS


def _quantise(
    values: FloatArray, gaps: FloatArray | float = 0.0, *, positive: NDArray[np.bool_] | None = None
) -> FloatArray:
    """Beats snapped to quarters or thirds of a beat, in twelfths.

    The grid is chosen by the part of `gaps` that would stay unfilled, then by the error, then the
    finer one. Where `positive` is set, the result is at least one step of its grid.
    """
    (gap4, error4, steps4), (gap3, error3, steps3) = (
        _nearest(values, gaps, positive, divisor) for divisor in _DIVISORS
    )
    thirds = (gap3 < gap4) | ((gap3 == gap4) & (error3 < error4 - _SAME_ERROR))
    return np.where(thirds, steps3 * (_TWELFTHS // 3), steps4 * (_TWELFTHS // 4))


def _nearest(
    values: FloatArray,
    gaps: FloatArray | float,
    positive: NDArray[np.bool_] | None,
    divisor: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    # In music21's very floating-point steps: a third is not exact, and where a value lies halfway
    # or a gap is a multiple of thirds, the rounding decides.
    unit = 1 / divisor
    steps = np.floor(values / unit)
    steps += values > unit * steps + unit / 2
    if positive is not None:
        steps[positive & (steps == 0)] = 1
    match = unit * steps
    unfilled = np.where(np.mod(gaps, unit) == 0, 0.0, np.maximum(gaps - match, 0.0))
    return unfilled, np.abs(values - match), steps


def _centred_profiles() -> FloatArray:
    """Shape (24, 12): C major, C minor, C# major, ... in the order in which ties are broken."""
    rows: list[FloatArray] = []
    for tonic in range(12):
        rows += [
            np.roll(profile, tonic) - sum(profile) / 12
            for profile in (MAJOR_PROFILE, MINOR_PROFILE)
        ]
    return np.array(rows)


def _correlations(durations: FloatArray) -> FloatArray:
    """Pearson's r of the durations with each profile, shape (24,); 0 where all are the same."""
    centred = durations - sum(durations.tolist()) / 12
    spreads = _PROFILE_SPREADS * _sum_in_order(centred**2)
    if not spreads.all():
        return np.zeros(N_KEYS)
    r: FloatArray = _sum_in_order(_PROFILES * centred) / np.sqrt(spreads)
    return r


def _sum_in_order(values: FloatArray) -> FloatArray:
    """The sum over the last axis, one by one as music21 adds: two keys may differ by that alone."""
    return np.cumsum(values, axis=-1)[..., -1]


_PROFILES = _centred_profiles()
_PROFILE_SPREADS = _sum_in_order(_PROFILES**2)
