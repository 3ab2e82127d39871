"""The encodings, and what labels their tokens have. Light to import: workers need no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.tokens.compound import (
    COMPOUND,
    PAD,
    RESCALED,
    RESCALED_VELOCITY,
    VELOCITY,
    compound_at,
)
from models.tokens.performance import PERFORMANCE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.derived import Derivation


@dataclass(frozen=True, slots=True)
class Encoding:
    """A tokeniser, and what it knows of its tokens beside."""

    name: str
    tokens: Derivation  # of arrays (n_tokens,) or (n_tokens, parts of a token)
    #: By task, each token's class: of arrays (n_tokens,), -1 where there is none.
    labels: Mapping[str, Derivation] = field(default_factory=dict)
    nothing: tuple[int, ...] = ()  # the token that stands for a clip without one, if any is
    at: Callable[[int], Derivation] | None = None  # where it counts in ticks: see `brought_to`

    @property
    def id(self) -> str:
        """Name and the tokens' version; other versions' are never mixed up with this one's."""
        return f"{self.name}-{self.tokens.version}"

    def brought_to(self, ticks_per_beat: int | None) -> Derivation:
        """The tokens of files that are first brought to so many ticks per beat.

        Args:
            ticks_per_beat: None leaves files as they are. An encoding that does not count in ticks
                answers alike whatever it is.
        """
        if ticks_per_beat is None or self.at is None:
            return self.tokens
        return self.at(ticks_per_beat)


COMPOUND_WORDS = Encoding("compound", COMPOUND, {"velocity": VELOCITY}, PAD, compound_at)
RESCALED_WORDS = Encoding("compound-rescaled", RESCALED, {"velocity": RESCALED_VELOCITY}, PAD)
PERFORMANCE_WORDS = Encoding("performance", PERFORMANCE)
