"""What is found about a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED = 3


class Remark(NamedTuple):
    """One line about a record: a problem or, if not `wrong`, something worth knowing."""

    text: str
    wrong: bool = True


def note(text: str) -> Remark:
    """A remark that does not make the record wrong."""
    return Remark(text, wrong=False)


def some(things: Sequence[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = len(things) - _NAMED
    return "; ".join(things[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
