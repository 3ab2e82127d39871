"""How each backbone sees a piece. Light to import: worker processes need no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UserError
from bench.midi import parse_midi
from models.tokens.compound import COMPOUND, SIZES
from models.tokens.performance import PERFORMANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.derived import Derivation
    from models.pretraining.corpora import Member

    Tokens = NDArray[np.uint16]

#: Pieces of fewer tokens teach nothing that could not be guessed.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Encoding:
    """A tokeniser and the first `columns` of its tokens' parts."""

    derivation: Derivation
    columns: int

    @property
    def id(self) -> str:
        """Name and version; other versions' tokens are never mixed up with this one's."""
        return f"{self.derivation.name}-{self.derivation.version}"


ENCODINGS = {
    "midibert": Encoding(COMPOUND, len(SIZES)),
    "midigpt": Encoding(PERFORMANCE, 1),
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of one file: tokens, shape (n_tokens, columns), or a reason."""

    name: str
    sha256: bytes
    tokens: Tokens | None
    reason: str = ""


def encode(members: Sequence[Member], backbone: str) -> list[Encoded]:
    """Encode files; one that cannot be read gets the reason and stops nothing."""
    return [_encode(member, ENCODINGS[backbone]) for member in members]


def _encode(member: Member, encoding: Encoding) -> Encoded:
    if member.data is None:
        return Encoded(member.name, b"", None, member.reason)
    sha256 = hashlib.sha256(member.data).digest()
    try:
        tokens = encoding.derivation.compute(parse_midi(member.data, name=member.name))
    except UserError as error:
        return Encoded(member.name, sha256, None, str(error).removeprefix(f"{member.name}: "))
    except (ValueError, ArithmeticError, LookupError, MemoryError) as error:
        # An odd file among a million must not end the night.
        return Encoded(member.name, sha256, None, f"cannot be encoded: {error}")
    if len(tokens) < _SHORTEST:
        return Encoded(member.name, sha256, None, f"only {len(tokens)} tokens")
    kept = tokens.reshape(len(tokens), -1)[:, : encoding.columns].astype(np.uint16)
    return Encoded(member.name, sha256, kept)
