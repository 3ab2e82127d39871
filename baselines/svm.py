"""The paper's two SVMs, and one on all columns.

What Lin et al. (ISMIR 2013) and Panda et al. (CMMR 2013) kept of their features is not known, only
how much: 521 and 135 values, by the paper that compares with them. So they are selected here, on
the training clips alone. C and gamma are found on training and validation clips, songs kept
whole, and on both the machine is then fitted, as it has no other use for validation clips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from baselines.kernel import RadialMachine
from baselines.selection import anova_f, relieff, top
from baselines.settings import at_least
from baselines.tables import (
    ALL_COLUMNS,
    JSYMBOLIC_COLUMNS,
    NATIVE,
    Standardiser,
    check_extractor,
    full_table,
    jsymbolic_table,
)
from bench.registry import register_method

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from baselines.selection import Columns, Labels
    from bench.clips import Clip
    from bench.methods import FloatArray, Progress

    Selection = Callable[[FloatArray, Labels, Sequence[str]], Columns]


class _TableSvm:
    """An RBF SVM on selected columns of a table of clips."""

    def __init__(
        self,
        table: Callable[[Sequence[Clip], str], FloatArray],
        extractor: str,
        columns: tuple[str, ...],
        select: Selection,
    ) -> None:
        self._table = table
        self._extractor = extractor
        self._columns = columns
        self._select = select

    def check(self) -> None:
        """See `bench.methods.CheckedMethod`: there is such an extractor."""
        check_extractor(self._extractor)

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        """Select columns on `train`; find C and gamma and fit on `train` and `valid`."""
        del seed  # nothing here is drawn by chance
        clips, n = [*train, *valid], len(train)
        table = np.concatenate([self._table(c, self._extractor) for c in (train, valid)])
        self._standardise = Standardiser(table[:n])
        scaled = self._standardise(table)
        labels = np.array([clip.label for clip in clips])
        songs = [clip.song for clip in clips]
        self._chosen = self._select(scaled[:n], labels[:n], songs[:n])
        self._machine = RadialMachine.fit(scaled[:, self._chosen], labels, songs, progress)

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        """Probabilities of the quadrants, shape (n_clips, 4)."""
        scaled = self._standardise(self._table(clips, self._extractor))
        return self._machine.predict_proba(scaled[:, self._chosen])

    def details(self) -> dict[str, Any]:
        """The chosen dimensions, best first, and the settings found."""
        machine = self._machine
        names = [self._columns[i] for i in self._standardise.varying[self._chosen]]
        return {
            "n_dimensions": len(names),
            "dimensions": names,
            "C": machine.C,
            "gamma": machine.gamma,
            "sharpness": round(machine.sharpness, 4),
            "cross_validation": {
                "folds": machine.n_folds,
                "grouped_by": "song",
                "accuracy": round(machine.held_out_accuracy, 4),
            },
        }


@register_method("svm-lin", version=2, deterministic=True)
class SvmLin(_TableSvm):
    """RBF SVM on 521 jSymbolic values (Lin et al. 2013), those with the highest ANOVA F.

    Args:
        dimensions: how many values to keep; fewer where fewer vary.
        extractor: "native", or "jsymbolic" for the program itself.
    """

    def __init__(self, *, dimensions: int = 521, extractor: str = NATIVE) -> None:
        at_least(1, dimensions=dimensions)

        def select(scaled: FloatArray, labels: Labels, songs: Sequence[str]) -> Columns:
            del songs
            return top(anova_f(scaled, labels), dimensions)

        super().__init__(jsymbolic_table, extractor, JSYMBOLIC_COLUMNS, select)


@register_method("svm-panda", version=3, deterministic=True)
class SvmPanda(_TableSvm):
    """RBF SVM on 135 of jSymbolic's, MIDI Toolbox's and jMusic's values (Panda et al. 2013).

    Args:
        dimensions: how many values to keep: those with the highest ReliefF weights, which is how
            Panda et al. rank theirs.
        extractor: "native", or "jsymbolic" for the program itself.
    """

    def __init__(self, *, dimensions: int = 135, extractor: str = NATIVE) -> None:
        at_least(1, dimensions=dimensions)

        def select(scaled: FloatArray, labels: Labels, songs: Sequence[str]) -> Columns:
            return top(relieff(scaled, labels, songs), dimensions)

        super().__init__(full_table, extractor, ALL_COLUMNS, select)


@register_method("svm-jsymbolic", version=2, deterministic=True)
class SvmJSymbolic(_TableSvm):
    """RBF SVM on all jSymbolic values that vary.

    Args:
        extractor: "native", or "jsymbolic" for the program itself.
    """

    def __init__(self, *, extractor: str = NATIVE) -> None:
        def select(scaled: FloatArray, labels: Labels, songs: Sequence[str]) -> Columns:
            del labels, songs
            return np.arange(scaled.shape[1])

        super().__init__(jsymbolic_table, extractor, JSYMBOLIC_COLUMNS, select)
