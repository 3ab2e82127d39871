"""Feature extractors: functions from MIDI files to one row of numbers each.

Packages bring extractors through the entry-point group `smer_bench.extractors`, whose entries
name objects that behave as `Extractor`: name = "module:object".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from bench.registry import load_point

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.doctor import Finding

    FloatArray = NDArray[np.float64]

GROUP = "smer_bench.extractors"


@dataclass(frozen=True, slots=True)
class Options:
    """How to extract; what an extractor has no use for, it ignores."""

    jobs: int | None = None  # processes at once; None: as many as the extractor finds sensible
    cached: bool = True  # use values of earlier calls, and keep these for later ones
    program: Path | None = None  # the program that an extractor runs; None: where it looks itself


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file has no row, on one line that does not name the file."""

    reason: str


class Extractor(Protocol):
    """Computes the same columns for any MIDI file."""

    @property
    def columns(self) -> Sequence[str]:
        """Names of all columns."""

    def select(self, pattern: str) -> NDArray[np.int64]:
        """Positions in `columns` that a shell-style pattern names, ascending; may be empty."""

    def extract(self, files: Sequence[Path], options: Options) -> list[FloatArray | Failure]:
        """For each file, in order, its row of shape (n_columns,), or why it has none.

        Raises:
            UserError: the extractor cannot work at all, such as for want of its program.
        """


@runtime_checkable
class CheckedExtractor(Protocol):
    """An extractor that can tell whether what it needs is there."""

    def check(self) -> list[Finding]:
        """What `bench doctor` shows; may take seconds, never fails."""


@cache
def extractor_names() -> tuple[str, ...]:
    """Names of all extractors; nothing is imported."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def load_extractor(name: str) -> Extractor:
    """The extractor of that name.

    Raises:
        UserError: as `bench.registry.load_point`.
    """
    extractor: Extractor = load_point(GROUP, name, "extractor")
    return extractor
