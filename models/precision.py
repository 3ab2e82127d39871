"""In which precision a network computes on a device."""

from __future__ import annotations

from typing import Literal

import torch

from bench.machine import has_amx

#: What a setting may ask for. Weights and optimiser are in fp32 with either.
Precision = Literal["fp32", "bf16"]

_AMPERE = (8, 0)  # the compute capability of the first GPUs with units for bf16


def computed(precision: Precision, device: torch.device) -> Precision:
    """What a setting comes to on a device: bf16 is for those with units for it.

    Others emulate it. A training step of the lite suite's MIDIBERT takes 13 times as long in bf16
    as in fp32 with the instructions of AVX2, and a third longer even with AVX-512's for bf16.
    """
    if device.type == "cuda":
        has_units = torch.cuda.get_device_capability(device) >= _AMPERE
    else:
        has_units = has_amx()
    return precision if has_units else "fp32"


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """In which a network computes with this setting."""
    enabled = computed(precision, device) == "bf16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)
