"""What boards, datasets and rows are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.published import published
from bench.shown import one_line

if TYPE_CHECKING:
    from bench.records import CellIdentity
    from bench.report.rows import Board, Row


def dataset_name(name: str, version: str = "") -> str:
    """A dataset as its authors write it."""
    return one_line(f"{published().datasets.get(name, name)} {version}".strip())


def board_title(board: Board) -> str:
    """Dataset, its version and the suite."""
    version = board.first.dataset.version
    return f"{dataset_name(board.dataset, version)}, suite {board.suite}"


def changes_text(changes: dict[str, object]) -> str:
    """What differs from the suite, in a line."""
    return one_line(", ".join(f"{key} = {_plain(value)}" for key, value in sorted(changes.items())))


def full_name(of: Row | CellIdentity) -> str:
    """A method and what differs from the suite, as "midibert (precision = fp32)"."""
    return named(of.method, changes_text(of.changes))


def named(method: str, changes: str) -> str:
    """`method (changes)`, or the method alone."""
    return f"{method} ({changes})" if changes else method


def _plain(value: object) -> str:
    return "[" + ", ".join(map(_plain, value)) + "]" if isinstance(value, list) else str(value)
