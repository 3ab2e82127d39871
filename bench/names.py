"""Names of suites, datasets and methods: which are allowed, and which of the known is meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Letters of ASCII, digits, ".", "_" and "-", beginning with a letter or digit. Such a name is no
#: markup, leaves no folder, and is one name on every file system. "+" parts it from changes.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"


def check_name(name: str, where: str) -> None:
    """Hold a name against `NAME`.

    Args:
        name: what was chosen.
        where: begins the message: the file, and what is named.

    Raises:
        UserError: it does not fit.
    """
    if not re.match(NAME, name):
        raise UserError(
            f"{where} {name!r} may hold letters, digits, '.', '_' and '-', 64 at most, "
            "the first a letter or digit"
        )


def pick(name: str, known: Iterable[str], kind: str, *, see: str = "") -> str:
    """`name`, if it is among `known`.

    Raises:
        UserError: it is not; the message names the nearest or, where there are few, all.
    """
    choices = sorted(known)
    if name in choices:
        return name
    near = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices) or 'none'}"
    raise UserError(f"unknown {kind} {name!r}: {hint}" + (f" (see `{see}`)" if see else ""))
