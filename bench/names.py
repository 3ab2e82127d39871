"""Names of suites, datasets and methods: which may be, which is meant, how changes join them."""

from __future__ import annotations

import difflib
import hashlib
import re
from typing import TYPE_CHECKING, Any

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Letters of ASCII, digits, ".", "_" and "-", beginning with a letter or digit. Such a name is no
#: markup, leaves no folder, and is one name on every file system. "+" parts it from changes.
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"

#: As many known names are listed at most.
_LISTED = 20
#: A method with changes whose name would be longer is named by a digest of them.
_LONGEST = 80


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
        UserError: it is not; the message has the `hint`.
    """
    choices = set(known)
    if name in choices:
        return name
    told = f"unknown {kind} {name!r}: {hint(name, choices)}"
    raise UserError(told + (f" (see `{see}`)" if see else ""))


def hint(name: str, known: Iterable[str]) -> str:
    """What to write for a name that is not among `known`: the nearest or, where few are, any."""
    choices = sorted(known)
    if near := difflib.get_close_matches(name, choices, n=1, cutoff=0.5):
        return f"did you mean {near[0]!r}?"
    if len(choices) > _LISTED:
        return f"{len(choices):,} are known, such as {choices[0]!r}"
    return f"known: {', '.join(choices) or 'none'}"


def changed_name(method: str, changes: Mapping[str, Any]) -> str:
    """`midibert+tasks=key`: a name for a folder.

    Other changes have another name; only a value and the list of it alone share one.

    Args:
        method: its name.
        changes: settings by name, JSON values; the method's own name if there are none.
    """
    if not changes:
        return method
    import msgspec  # not above: `bench --help` needs none

    text = ",".join(f"{name}={_plain(value)}" for name, value in sorted(changes.items()))
    name = f"{method}+{text}"
    if any(map(_looks_otherwise, changes.values())):
        text = msgspec.json.encode(changes, order="deterministic").decode()
    elif len(name) <= _LONGEST and re.fullmatch(r"[\w.,=+-]+", name):
        return name
    return f"{method}+{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "-".join(map(_plain, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _looks_otherwise(value: Any) -> bool:
    """Whether `_plain` makes of a value what it makes of one of another type, or of more items."""
    import msgspec

    if isinstance(value, list):
        return any(
            isinstance(item, list) or (isinstance(item, str) and "-" in item) for item in value
        ) or any(map(_looks_otherwise, value))
    if not isinstance(value, str):
        return False
    try:  # as `bench.cells.parse_changes` does
        msgspec.toml.decode(f"value = {value}")
    except msgspec.DecodeError:
        return False
    return True
