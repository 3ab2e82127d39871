"""Passes over the bits of tensors on the CPU, where NumPy makes some faster than torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor


#: Up to so many threads NumPy, which has one, transposes as fast as torch with all of them.
_SERIAL_WINS = 2


def masked(values: Tensor, keep: Tensor, out: Tensor | None = None) -> Tensor:
    """`values` where `keep` is True, 0 elsewhere, into `out` if given; no gradient passes."""
    result = torch.empty_like(values) if out is None else out
    # Bits are multiplied as integers: a quarter of the time of a mask in the values' own type.
    np.multiply(_bits(values), keep.numpy(), out=_bits(result))
    return result


def copy_transposed(source: Tensor, target: Tensor) -> None:
    """`target.copy_(source.transpose(-1, -2))`, on one thread in about half the time."""
    if torch.get_num_threads() > _SERIAL_WINS:
        target.copy_(source.transpose(-1, -2))
        return
    np.copyto(_bits(target), _bits(source.transpose(-1, -2)))


def _bits(values: Tensor) -> NDArray[np.signedinteger[Any]]:
    """A view, as integers of the same size."""
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[values.element_size()]
    bits: NDArray[np.signedinteger[Any]] = values.detach().view(integer).numpy()
    return bits
