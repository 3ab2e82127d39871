"""What verification says of some files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.verification import verify

if TYPE_CHECKING:
    from pathlib import Path


def problems(*files: Path) -> list[str]:
    """What is wrong."""
    found = verify(files)
    return [text for remarks in found.remarks.values() for text, wrong in remarks if wrong]


def notes(*files: Path) -> list[str]:
    """What is worth a note."""
    found = verify(files)
    return [text for remarks in found.remarks.values() for text, wrong in remarks if not wrong]
