"""What others wrote, shown as one line of valid text.

Names of files keep what they are made of, as escapes (`shown`); of prose the words are enough
(`one_line`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: What ends a line or steers a terminal; and surrogates, Python's stand-ins for bytes of a name
#: that are not UTF-8.
_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def shown(name: str | Path) -> str:
    """A name, or a message with names in it, as one line of valid text.

    Control characters and bytes that are not UTF-8 stand as Python's escapes.
    """
    return _NOT_TEXT.sub(lambda found: ascii(found[0])[1:-1], str(name))


def one_line(text: str) -> str:
    """Prose without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
