"""MidiBERT-Piano's compound words: a token per note, of ids Bar, Position, Pitch, Duration.

As its public code makes them (Chou et al. 2021; github.com/wazenmai/MIDI-BERT at 1bc4cab, with
miditoolkit 1.0), token for token. That code takes every file to have 480 ticks per beat, whatever
its header says, so that the same music at another resolution gets other tokens. `RESCALED` takes
beats as they are; it is not what the published models saw. `compound_at` takes them as the public
code would at one resolution.

Where the public code fails, this module decides (`bench.datasets.survey.DIRT` counts the clips):

- A pitch outside 22..107 ("pitch-range") has no word. It is moved by octaves into the range, which
  keeps its pitch class and so the key.
- If all notes begin at tick 0 ("empty-grid"), the public grid has no point; here, one.
- A clip without notes ("no-notes") has no tokens: an array of no rows.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bench.derived import Derivation
from bench.labels import velocity_class
from models.tokens.folding import fold_octaves
from models.tokens.pairing import pair_in_turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.midi import Midi
    from models.tokens.pairing import PairedNotes

    Tokens = NDArray[np.int16]
    IntArray = NDArray[np.int64]

#: The columns of a token; their vocabularies' sizes; the words for padding and for masked notes.
ATTRIBUTES = ("Bar", "Position", "Pitch", "Duration")
SIZES = (4, 18, 88, 66)
PAD = (2, 16, 86, 64)
MASK = (3, 17, 87, 65)

_NEW_BAR, _SAME_BAR = 0, 1
_LOWEST_PITCH, _HIGHEST_PITCH = 22, 107

_TICKS_PER_BEAT = 480
_GRID = 120  # ticks between two positions
_POSITIONS_PER_BAR = 16
_DURATION_STEP = 60  # ticks
_N_DURATIONS = 64


def encode_compound(midi: Midi) -> Tokens:
    """Tokens (Bar, Position, Pitch, Duration), ids smaller than `SIZES` and never `PAD` or `MASK`.

    Returns:
        Shape (n_notes, 4), ordered by onset, notes of one onset by instrument, then pitch. Notes
        without a note-off are left out.
    """
    return _words(pair_in_turn(midi))


def velocity_classes(midi: Midi) -> Tokens:
    """The velocity class 0..5 (`bench.labels.velocity_class`) of each of `encode_compound`'s notes.

    Returns:
        Shape (n_notes,).
    """
    return _velocities(pair_in_turn(midi))


def encode_rescaled(midi: Midi) -> Tokens:
    """Like `encode_compound`, with ticks first brought to 480 per beat, rounded half up."""
    return _encode_at(midi, _TICKS_PER_BEAT)


def rescaled_velocity_classes(midi: Midi) -> Tokens:
    """`velocity_classes` of `encode_rescaled`'s notes, whose order may be another."""
    return _velocities(_brought_to(midi, _TICKS_PER_BEAT))


COMPOUND = Derivation("compound-words", 1, encode_compound)
VELOCITY = Derivation("compound-velocity", 1, velocity_classes)
RESCALED = Derivation("compound-rescaled-words", 1, encode_rescaled)
RESCALED_VELOCITY = Derivation("compound-rescaled-velocity", 1, rescaled_velocity_classes)


def compound_at(ticks_per_beat: int) -> Derivation:
    """`COMPOUND` of files that are first brought to so many ticks per beat, rounded half up.

    Of files that have as many it is `COMPOUND`.
    """
    name = f"{COMPOUND.name}-at-{ticks_per_beat}"
    compute = partial(_encode_at, ticks_per_beat=ticks_per_beat)
    return Derivation(name, COMPOUND.version, compute)


def segments(n_tokens: int, length: int) -> list[slice]:
    """Segments of `length` tokens, the last one shorter."""
    return [slice(begin, begin + length) for begin in range(0, n_tokens, length)]


def _encode_at(midi: Midi, ticks_per_beat: int) -> Tokens:
    return _words(_brought_to(midi, ticks_per_beat))


def _brought_to(midi: Midi, ticks_per_beat: int) -> PairedNotes:
    notes, beat = pair_in_turn(midi), midi.ticks_per_beat
    onset, end = (
        (ticks * 2 * ticks_per_beat + beat) // (2 * beat) for ticks in (notes.onset, notes.end)
    )
    return replace(notes, onset=onset, end=end)


def _order(notes: PairedNotes) -> NDArray[np.intp]:
    return np.lexsort((notes.pitch, notes.instrument, notes.onset))


def _velocities(notes: PairedNotes) -> Tokens:
    return velocity_class(notes.velocity[_order(notes)]).astype(np.int16)


def _words(notes: PairedNotes) -> Tokens:
    if len(notes) == 0:
        return np.empty((0, len(ATTRIBUTES)), dtype=np.int16)
    order = _order(notes)
    onset = notes.onset[order]
    # The public grid stops short of the last onset, which may so move back to the point before.
    last_point = max(-(-onset[-1] // _GRID) - 1, 0)
    bar, position = np.divmod(np.minimum(_nearest(onset, _GRID), last_point), _POSITIONS_PER_BAR)
    duration = _nearest(notes.end[order] - onset, _DURATION_STEP) - 1
    folded = fold_octaves(notes.pitch[order], _LOWEST_PITCH, _HIGHEST_PITCH)
    tokens = np.empty((len(order), len(ATTRIBUTES)), dtype=np.int16)
    tokens[:, 0] = np.where(np.diff(bar, prepend=-1) > 0, _NEW_BAR, _SAME_BAR)
    tokens[:, 1] = position
    tokens[:, 2] = folded - _LOWEST_PITCH
    tokens[:, 3] = np.clip(duration, 0, _N_DURATIONS - 1)
    return tokens


def _nearest(ticks: IntArray, step: int) -> IntArray:
    """The nearest multiple of `step`, as a count of steps; the lower one of two."""
    return (ticks + (step - 1) // 2) // step
