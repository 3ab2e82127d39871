"""The pieces of several corpora as one collection: each content once, some held out, none a test's.

Pieces stand in the order of their digests. So it does not matter in which order corpora are
named, or whether they are packed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets import clip_rows, dataset_info, dataset_names
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.pretraining.store import TokenStore

    Tokens = NDArray[np.uint16]

#: One piece in so many is held out, chosen by its digest: the same one in every mix of corpora.
HELD_OUT_EVERY = 50

_WHERE = np.dtype([("store", "i4"), ("piece", "i8")])
_REFUSED = ("valid", "test")


@dataclass(frozen=True, eq=False)
class Pieces:
    """Some of the pieces of several stores."""

    stores: Sequence[TokenStore]
    where: NDArray[np.void]  # _WHERE, one row per piece
    lengths: NDArray[np.int64]  # tokens of each piece

    def __len__(self) -> int:
        return len(self.where)

    @property
    def n_tokens(self) -> int:
        """Of all pieces together."""
        return int(self.lengths.sum())

    def read(self, piece: int, start: int, length: int) -> Tokens:
        """Tokens start..start+length of a piece, a copy of shape (length, columns)."""
        store_index, row = self.where[piece]
        store = self.stores[store_index]
        first = int(store.pieces["start"][row]) + start
        return np.array(store.tokens[first : first + length])


def divide(stores: Sequence[TokenStore]) -> tuple[Pieces, Pieces]:
    """The pieces to learn from and the held-out ones.

    At least one piece is held out where there are two.

    Raises:
        UserError: a piece is a valid or test clip of a dataset.
    """
    digests = np.concatenate([store.pieces["sha256"] for store in stores])
    where = np.concatenate(
        [
            np.array([(i, row) for row in range(len(store.pieces))], _WHERE)
            for i, store in enumerate(stores)
        ]
    )
    keys, first = np.unique(_sortable(digests), return_index=True)
    _refuse_evaluated_clips(stores, where[first], digests[first])
    where = where[first]
    lengths = np.concatenate([store.pieces["length"] for store in stores])[first]
    held_out = np.array([int.from_bytes(key[:8], "big") % HELD_OUT_EVERY == 0 for key in keys])
    if held_out.all() or not held_out.any():
        held_out = np.arange(len(keys)) < (len(keys) > 1)  # the first, unless it is the only one
    learned, held = ~held_out, held_out
    return (
        Pieces(stores, where[learned], lengths[learned]),
        Pieces(stores, where[held], lengths[held]),
    )


def held_against() -> dict[str, str]:
    """The datasets whose valid and test clips `divide` refuses, with their digests."""
    return {name: dataset_info(name).digest for name in dataset_names()}


def _sortable(digests: NDArray[np.void]) -> NDArray[np.object_]:
    """As bytes objects: NumPy's own byte strings lose zeros at their ends."""
    keys = np.empty(len(digests), dtype=np.object_)
    keys[:] = [bytes(digest) for digest in digests]
    return keys


def _refuse_evaluated_clips(
    stores: Sequence[TokenStore], where: NDArray[np.void], digests: NDArray[np.void]
) -> None:
    evaluated = {
        bytes.fromhex(row.sha256): (dataset, row)
        for dataset in dataset_names()
        for row in clip_rows(dataset)
        if row.split in _REFUSED
    }
    found = [i for i, digest in enumerate(digests) if bytes(digest) in evaluated]
    if not found:
        return
    dataset, row = evaluated[bytes(digests[found[0]])]
    store_index, piece = where[found[0]]
    store = stores[store_index]
    more = f", and {len(found) - 1:,} more such files" if len(found) > 1 else ""
    raise UserError(
        f"{store.corpus}: {store.name_of(int(piece))} is the {row.split} clip {row.clip} of "
        f"{dataset}{more}; pre-training on what is evaluated is refused: leave it out, or name "
        f"the train split with --train-split {dataset}"
    )
