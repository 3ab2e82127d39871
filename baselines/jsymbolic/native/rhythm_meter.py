"""Meter, from the file's time signatures: R-1 ... R-8."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from baselines.jsymbolic.native.piece import Feature, Piece

_SIMPLE = (2, 3, 4)
_COMPOUND = (6, 9, 12, 15, 18, 24)
_COMPLEX = (5, 7, 9, 11, 13, 15, 22, 25)
_DUPLE = (2, 6)
_TRIPLE = (3, 9)  # the program's own description lists the compound numerators by mistake
_QUADRUPLE = (4, 12)


def _time_signatures(piece: Piece) -> list[tuple[int, int]]:
    """All (numerator, denominator) by track, then time; 4/4 where the file has none."""
    table = piece.midi.time_signatures
    pairs = zip(table["numerator"].tolist(), table["denominator"].tolist(), strict=True)
    return list(pairs) or [(4, 4)]


def _initial_time_signature(piece: Piece) -> tuple[float, float]:
    return _time_signatures(piece)[0]


def _metrical_diversity(piece: Piece) -> float:
    return len(set(_time_signatures(piece)))


def _starts_in(numerators: tuple[int, ...]) -> Callable[[Piece], float]:
    return lambda piece: float(_time_signatures(piece)[0][0] in numerators)


FEATURES: dict[str, Feature] = {
    "Initial Time Signature": _initial_time_signature,
    "Simple Initial Meter": _starts_in(_SIMPLE),
    "Compound Initial Meter": _starts_in(_COMPOUND),
    "Complex Initial Meter": _starts_in(_COMPLEX),
    "Duple Initial Meter": _starts_in(_DUPLE),
    "Triple Initial Meter": _starts_in(_TRIPLE),
    "Quadruple Initial Meter": _starts_in(_QUADRUPLE),
    "Metrical Diversity": _metrical_diversity,
}
