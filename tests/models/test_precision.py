"""What a setting of precision comes to on this device and that."""

from __future__ import annotations

import pytest
import torch

from models.precision import Precision, autocast, computed

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)


@pytest.mark.parametrize(("amx", "comes_to"), [(True, "bf16"), (False, "fp32")])
def test_a_processor_computes_in_bf16_if_it_has_amx(
    monkeypatch: pytest.MonkeyPatch, *, amx: bool, comes_to: Precision
) -> None:
    monkeypatch.setattr("models.precision.has_amx", lambda: amx)
    assert computed("bf16", CPU) == comes_to
    assert computed("fp32", CPU) == "fp32"
    with autocast(CPU, "bf16"):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == {"bf16": torch.bfloat16, "fp32": torch.float32}[comes_to]


@pytest.mark.parametrize(
    ("capability", "comes_to"), [((7, 5), "fp32"), ((8, 0), "bf16"), ((9, 0), "bf16")]
)
def test_a_gpu_computes_in_bf16_if_it_has_units_for_it(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], comes_to: Precision
) -> None:
    asked = []

    def capability_of(device: torch.device) -> tuple[int, int]:
        asked.append(device)
        return capability

    monkeypatch.setattr("torch.cuda.get_device_capability", capability_of)
    assert computed("bf16", GPU) == comes_to
    assert asked == [GPU]
    assert computed("fp32", GPU) == "fp32"
