"""What the two ways to jSymbolic's features have in common: the columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from baselines.jsymbolic.native import catalogue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class JSymbolicColumns:
    """An extractor's columns: the 1,495 values of jSymbolic 2.2 for MIDI, in its own order."""

    columns = catalogue.COLUMNS

    def select(self, pattern: str) -> NDArray[np.int64]:
        """Positions of the features whose name, code or column fits a shell-style pattern."""
        return catalogue.columns_matching(pattern)
