"""Names that may stand in records, paths and pages: of suites, datasets and methods."""

from __future__ import annotations

import re

from bench.errors import UserError

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
