"""Files of a corpus as tokens. Light to import, as `tokens.encodings`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UserError
from bench.midi import parse_midi

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.pretraining.corpora import Member
    from models.tokens.encodings import Encoding

    Tokens = NDArray[np.uint16]

#: Pieces of fewer tokens teach nothing that could not be guessed.
_SHORTEST = 8


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of one file: tokens, shape (n_tokens, columns), or a reason."""

    name: str
    sha256: bytes
    tokens: Tokens | None
    reason: str = ""


def encode(members: Sequence[Member], encoding: Encoding) -> list[Encoded]:
    """Encode files; one that cannot be read gets the reason and stops nothing."""
    return [_encode(member, encoding) for member in members]


def _encode(member: Member, encoding: Encoding) -> Encoded:
    if member.data is None:
        return Encoded(member.name, b"", None, member.reason)
    sha256 = hashlib.sha256(member.data).digest()
    try:
        tokens = encoding.tokens.compute(parse_midi(member.data, name=member.name))
    except UserError as error:
        return Encoded(member.name, sha256, None, str(error).removeprefix(f"{member.name}: "))
    except (ValueError, ArithmeticError, LookupError, MemoryError) as error:
        # An odd file among a million must not end the night.
        return Encoded(member.name, sha256, None, f"cannot be encoded: {error}")
    if len(tokens) < _SHORTEST:
        return Encoded(member.name, sha256, None, f"only {len(tokens)} tokens")
    return Encoded(member.name, sha256, tokens.reshape(len(tokens), -1).astype(np.uint16))
