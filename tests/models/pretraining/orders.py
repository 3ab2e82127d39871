"""Orders small enough to pre-train in a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from models.pretraining.augmentation import Augmentation
from models.pretraining.order import Order
from models.pretraining.training import Recipe

if TYPE_CHECKING:
    from pathlib import Path

TINY = ("width=16", "layers=1", "heads=2", "max_length=24")


def order(folder: Path, method: str = "midibert", **changes: Any) -> Order:
    sizes = TINY if method == "midigpt" else (*TINY, "embedding=4")
    settings: dict[str, Any] = {
        "method": method,
        "suite": "lite",
        "corpora": (folder,),
        "steps": 8,
        "batch_tokens": 96,
        "every": 3,
        "transpose": 2,
        "stretch": 1.2,
        "changes": sizes,
        "output": folder.parent / f"{method}.safetensors",
    }
    return Order(**{**settings, **changes})


def recipe(**changes: Any) -> Recipe:
    settings: dict[str, Any] = {
        "steps": 8,
        "batch_tokens": 96,
        "window": 24,
        "lr": Order.lr,
        "warmup_steps": Order.warmup_steps,
        "precision": "fp32",
        "seed": 0,
        "augmentation": Augmentation(),
    }
    return Recipe(**{**settings, **changes})
