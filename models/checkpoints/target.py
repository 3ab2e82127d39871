"""Where a checkpoint is to go that is yet to be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.files import check_writable
from models.checkpoints import SUFFIX

if TYPE_CHECKING:
    from pathlib import Path


def check_target(target: Path) -> Path:
    """Fail before long work if a checkpoint cannot be kept.

    Returns:
        Where the page about it goes, beside it.

    Raises:
        UserError: its name has another ending or is no text, or one of the two files cannot be
            written.
    """
    if target.suffix != SUFFIX:
        raise UserError(f"{target}: a checkpoint's name ends with {SUFFIX}")
    try:
        str(target).encode()
    except UnicodeEncodeError:  # safetensors would not open it
        raise UserError(
            f"{target}: a checkpoint's name has to be valid UTF-8: name another with -o"
        ) from None
    page = target.with_suffix(".md")
    for file in (target, page):
        check_writable(file)
    return page
