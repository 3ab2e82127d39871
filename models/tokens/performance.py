r"""bardo-composer's performance encoding: words for velocity, duration, notes and passing time.

As its public code writes it (Ferreira et al. 2020; github.com/lucasnfe/bardo-composer at 6ab3655,
with pretty_midi 0.2), word for word: ``v_60 d_8 n_64 n_67 .`` plays two notes of velocity 60 and
half a second each, then waits half a second.

- ``n_64`` a note; pitches are moved by octaves into 30..95.
- ``v_60`` the velocity of the notes that follow: clamped to 32..127, floored to a multiple of 4.
- ``d_8`` the duration of the notes and waits that follow, in units of 62.5 ms, at most 56. Notes
  that round to 0 are left out.
- ``.`` time passes; ``\n`` the end, all that a clip without notes has.
- ``l_0 l_1 a_0 a_1`` sentiment, in the public vocabulary only for generating; never encoded here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.derived import Derivation
from models.tokens.folding import fold_octaves
from models.tokens.pairing import pair_shared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from bench.midi import Midi

    Ids = NDArray[np.int16]
    IntArray = NDArray[np.int64]
    FloatArray = NDArray[np.float64]

_LOWEST_PITCH, _HIGHEST_PITCH = 30, 95
_LOWEST_VELOCITY, _HIGHEST_VELOCITY, _VELOCITY_STEP = 32, 127, 4
_MAX_DURATION = 56
_SECONDS_PER_UNIT = 0.0625  # a 32nd note at 120 beats a minute

WAIT, END = ".", "\n"

#: All words in the order of their ids: sorted as strings, as in the public code.
VOCABULARY = tuple(
    sorted(
        [WAIT, END, "l_0", "l_1", "a_0", "a_1"]
        + [f"n_{pitch}" for pitch in range(_LOWEST_PITCH, _HIGHEST_PITCH + 1)]
        + [f"v_{v}" for v in range(_LOWEST_VELOCITY, _HIGHEST_VELOCITY + 1, _VELOCITY_STEP)]
        + [f"d_{duration}" for duration in range(1, _MAX_DURATION + 1)]
    )
)
_ID = {word: i for i, word in enumerate(VOCABULARY)}


def _id_table(letter: str, size: int) -> Ids:
    """The id of the word ``letter_k`` at index k; -1 where there is none."""
    return np.array([_ID.get(f"{letter}_{k}", -1) for k in range(size)], dtype=np.int16)


_NOTE_IDS = _id_table("n", 128)
_VELOCITY_IDS = _id_table("v", 128)
_DURATION_IDS = _id_table("d", _MAX_DURATION + 1)


def encode_performance(midi: Midi) -> Ids:
    """Ids of `VOCABULARY`, shape (n_tokens >= 1,); the last one is `END`.

    Notes of one millisecond stand together, instrument by instrument, in the order in which they
    end. Notes without a note-off are left out.
    """
    notes = pair_shared(midi)
    seconds = _seconds(midi, np.stack([notes.onset, notes.end]))
    onset, end = (1000 * seconds).astype(np.int64)
    order = np.argsort(onset, kind="stable")
    onset, end = onset[order], end[order]
    wait, duration = _units(np.diff(onset, prepend=0)), _units(end - onset)
    heard = duration > 0
    pitch = fold_octaves(notes.pitch[order], _LOWEST_PITCH, _HIGHEST_PITCH)
    velocity = np.clip(notes.velocity[order], _LOWEST_VELOCITY, _HIGHEST_VELOCITY)
    velocity = velocity // _VELOCITY_STEP * _VELOCITY_STEP

    # At most five words per note: d_ and `.` before it, v_ and d_ if they change, n_. -1: none.
    slots = np.full((len(order), 5), -1, dtype=np.int16)
    lasting = np.stack([wait, duration], axis=1)
    slots[:, [0, 3]] = np.where(_new_values(lasting), _DURATION_IDS[lasting], -1)
    slots[:, 1] = np.where(wait > 0, _ID[WAIT], -1)
    slots[:, 2] = np.where(_new_values(np.where(heard, velocity, 0)), _VELOCITY_IDS[velocity], -1)
    slots[:, 4] = np.where(heard, _NOTE_IDS[pitch], -1)
    return np.append(slots[slots >= 0], np.int16(_ID[END]))


PERFORMANCE = Derivation("performance", 1, encode_performance)


def words(ids: NDArray[np.integer]) -> list[str]:
    """The words of `ids`."""
    return [VOCABULARY[i] for i in ids.tolist()]


def ids(words: Iterable[str]) -> Ids:
    """The ids of `words`.

    Raises:
        ValueError: a word that is not in `VOCABULARY`.
    """
    try:
        return np.array([_ID[word] for word in words], dtype=np.int16)
    except KeyError as error:
        raise ValueError(f"not a word of the performance encoding: {error}") from None


def _seconds(midi: Midi, ticks: IntArray) -> FloatArray:
    """Times of `ticks`, same shape, down to the last bit as pretty_midi sums them up.

    Tempos count in the first track only; of several at tick 0 the last one does.
    """
    tempos = midi.tempos[midi.tempos["track"] == 0]
    tempos = tempos[max(np.count_nonzero(tempos["tick"] == 0) - 1, 0) :]
    with np.errstate(divide="ignore"):  # a beat of 0 microseconds lasts 0 seconds
        scales = 60.0 / (6e7 / tempos["microseconds_per_beat"] * midi.ticks_per_beat)
    starts = tempos["tick"]
    if len(starts) == 0 or starts[0] > 0:
        starts = np.append(0, starts)
        scales = np.append(60.0 / (120.0 * midi.ticks_per_beat), scales)
    # A repeated tempo begins no new stretch: the sums would round differently.
    differs = np.append(True, scales[1:] != scales[:-1])
    starts, scales = starts[differs], scales[differs]
    start_seconds = np.append(0.0, np.cumsum(scales[:-1] * np.diff(starts)))
    stretch = np.searchsorted(starts, ticks, side="right") - 1
    seconds: FloatArray = start_seconds[stretch] + scales[stretch] * (ticks - starts[stretch])
    return seconds


def _units(milliseconds: IntArray) -> IntArray:
    units = np.rint(milliseconds / 1000 / _SECONDS_PER_UNIT).astype(np.int64)
    return np.minimum(units, _MAX_DURATION)


def _new_values(values: IntArray) -> NDArray[np.bool_]:
    """Where a value, read row by row, differs from the one before it; zeros are passed over."""
    flat = values.ravel()
    present = np.flatnonzero(flat)
    new = np.zeros(len(flat), dtype=np.bool_)
    new[present] = np.diff(flat[present], prepend=0) != 0
    return new.reshape(values.shape)
