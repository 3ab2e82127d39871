"""Shared intermediates of one family of features, computed once for each piece."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from baselines.jsymbolic.native.piece import Piece

    T = TypeVar("T")


def once_per_piece(function: Callable[[Piece], T]) -> Callable[[Piece], T]:
    """Remember the function's result for as long as the piece lives.

    The result must not refer to the piece, or the piece would live for ever.
    """
    results: WeakKeyDictionary[Piece, T] = WeakKeyDictionary()

    @wraps(function)
    def remembered(piece: Piece) -> T:
        if piece not in results:
            results[piece] = function(piece)
        return results[piece]

    return remembered
