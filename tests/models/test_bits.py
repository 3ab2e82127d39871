from __future__ import annotations

import math

import pytest
import torch

from models import bits
from models.bits import copy_transposed, masked


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_masked_values_are_the_same_or_zero(dtype: torch.dtype) -> None:
    values = torch.tensor([[1.5, -2.25, math.inf], [math.nan, -0.0, 3.0]], dtype=dtype)
    keep = torch.tensor([[True, False, False], [False, True, True]])
    assert masked(values, keep).tolist() == [[1.5, 0, 0], [0, -0.0, 3.0]]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("threads", [0, 1000])
def test_a_transposed_copy_goes_into_a_view_as_well(
    dtype: torch.dtype, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bits, "_SERIAL_WINS", threads)  # by torch, by NumPy
    source = torch.randn(2, 3, 5, dtype=dtype)
    wide = torch.zeros(2, 5, 8, dtype=dtype)
    copy_transposed(source, wide[:, :, 2:5])
    assert torch.equal(wide[:, :, 2:5], source.transpose(1, 2))
    assert not wide[:, :, :2].any()
    assert not wide[:, :, 5:].any()
