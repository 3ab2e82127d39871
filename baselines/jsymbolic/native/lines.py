"""The notes of each track and channel, which jSymbolic takes for melodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from baselines.jsymbolic.native.channels import N_CHANNELS
from bench.midi import PERCUSSION

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Piece

    IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MelodicLine:
    """The notes of one track and channel other than percussion: what jSymbolic calls a melody."""

    channel: int
    #: Signed semitones from the last note of one tick to the first of the next, in file order.
    intervals: IntArray


def lines(piece: Piece) -> tuple[IntArray, IntArray]:
    """The notes of a piece by track and channel; see `Piece.lines`."""
    key = piece.notes.track * N_CHANNELS + piece.notes.channel
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    number = np.zeros(len(order), dtype=np.int64)
    number[1:] = np.cumsum(ordered[1:] != ordered[:-1])
    return order, number


def melodic_lines(piece: Piece) -> list[MelodicLine]:
    """The melodies of a piece."""
    order, number = piece.lines
    result = []
    for line in np.split(order, np.flatnonzero(np.diff(number)) + 1):
        if len(line) and (channel := int(piece.notes.channel[line[0]])) != PERCUSSION:
            moves = np.diff(piece.notes.pitch[line])
            later = np.diff(piece.notes.onset[line]) != 0
            result.append(MelodicLine(channel, moves[later]))
    return result
