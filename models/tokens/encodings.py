"""The encodings, and what is in their rows. Light to import: worker processes need no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.tokens.compound import COMPOUND, RESCALED, SIZES, compound_at
from models.tokens.performance import PERFORMANCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.derived import Derivation


@dataclass(frozen=True, slots=True)
class Encoding:
    """A tokeniser, and what its rows hold."""

    derivation: Derivation  # of arrays (n_tokens,) or (n_tokens, columns + len(token_labels))
    columns: int  # parts of a token
    token_labels: tuple[str, ...] = ()  # tasks whose classes of each token are the columns after
    at: Callable[[int], Derivation] | None = None  # where it counts in ticks: see `brought_to`

    @property
    def id(self) -> str:
        """Name and version; other versions' tokens are never mixed up with this one's."""
        return f"{self.derivation.name}-{self.derivation.version}"

    def brought_to(self, ticks_per_beat: int | None) -> Derivation:
        """The same of files that are first brought to so many ticks per beat.

        Args:
            ticks_per_beat: None leaves files as they are. An encoding that does not count in ticks
                answers alike whatever it is.
        """
        if ticks_per_beat is None or self.at is None:
            return self.derivation
        return self.at(ticks_per_beat)


COMPOUND_WORDS = Encoding(COMPOUND, len(SIZES), ("velocity",), compound_at)
RESCALED_WORDS = Encoding(RESCALED, len(SIZES), ("velocity",))
PERFORMANCE_WORDS = Encoding(PERFORMANCE, 1)
