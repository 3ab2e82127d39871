"""Which columns are worth keeping: two classical scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import cdist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.methods import FloatArray

    Labels = NDArray[np.int64]
    Columns = NDArray[np.intp]

#: Clips whose neighbours are looked for at once; bounds memory.
_BLOCK = 256


def top(scores: FloatArray, n: int) -> Columns:
    """The `n` columns of the highest scores, best first; of equal scores the earlier column."""
    return np.argsort(-scores, kind="stable")[:n]


def anova_f(table: FloatArray, labels: Labels) -> FloatArray:
    """Variance between classes over variance within, shape (n_columns,) (Fisher 1925).

    Infinite where the classes differ and nothing varies within them, 0 where nothing varies.
    scikit-learn's `f_classif` takes sums of squares from each other, and what is left of a column
    that tells the classes without fail may be below 0: it would come last.
    """
    classes = np.unique(labels)
    grand = table.mean(axis=0)
    between, within = np.zeros(table.shape[1]), np.zeros(table.shape[1])
    for c in classes:
        rows = table[labels == c]
        between += len(rows) * (rows.mean(axis=0) - grand) ** 2
        within += ((rows - rows.mean(axis=0)) ** 2).sum(axis=0)
    freedom = (len(table) - len(classes)) / max(len(classes) - 1, 1)
    nothing = np.where(between > 0, np.inf, 0.0)
    return np.divide(between * freedom, within, out=nothing, where=within > 0)


def relieff(
    table: FloatArray, labels: Labels, songs: Sequence[str], n_neighbours: int = 10
) -> FloatArray:
    """ReliefF weights, shape (n_columns,), -1..1: high where near clips of other classes differ.

    Every clip is looked at, with its nearest hits and, for each other class, its nearest misses,
    weighted by the class's share among the other classes (Kononenko 1994, ECML; eq. 1 and 3 of
    Robnik-Sikonja & Kononenko 2003, Machine Learning 53). Differences are parts of the column's
    range, distances their sums.

    One thing is added: a clip's neighbours are clips of other songs. Datasets hold several clips
    of a song, VGMIDI even the same phrase at five lengths, and the nearest hit would otherwise be
    the clip itself once more, which makes every column look stable.
    """
    span = np.ptp(table, axis=0)
    scaled = table / np.where(span > 0, span, 1.0)
    _, song = np.unique(np.asarray(songs), return_inverse=True)
    weights = np.zeros(table.shape[1])
    for begin in range(0, len(table), _BLOCK):
        rows = slice(begin, begin + _BLOCK)
        distance = cdist(scaled[rows], scaled, "cityblock")
        distance[song[rows, None] == song[None, :]] = np.inf
        weights += _block_weights(scaled, labels, rows, distance, n_neighbours)
    return weights / len(table)


def _block_weights(
    scaled: FloatArray, labels: Labels, rows: slice, distance: FloatArray, n_neighbours: int
) -> FloatArray:
    """The sum over the clips in `rows` of what each adds to the weights."""
    weights = np.zeros(scaled.shape[1])
    own = labels[rows]
    for c in np.unique(labels):
        members = np.flatnonzero(labels == c)
        near = distance[:, members]
        order = np.argsort(near, axis=1, kind="stable")[:, :n_neighbours]
        usable = np.isfinite(np.take_along_axis(near, order, axis=1))
        for i, (neighbours, use) in enumerate(zip(members[order], usable, strict=True)):
            if not use.any():
                continue
            difference = np.abs(scaled[neighbours[use]] - scaled[rows.start + i]).mean(axis=0)
            if own[i] == c:
                weights -= difference
            else:
                others = np.count_nonzero(labels != own[i])
                weights += len(members) / others * difference
    return weights
