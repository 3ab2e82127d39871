"""Checkpoints as the MidiBERT-Piano code writes them, but small; and a pickle that carries code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from models.tokens.compound import SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


def released(
    width: int = 24, head: int = 8, layers: int = 2, words: Sequence[int] = SIZES
) -> dict[str, Tensor]:
    """A state dict in the release's layout, 20 tokens long; always the same."""
    generator = torch.Generator().manual_seed(1)
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (30, width),
        "bert.embeddings.position_embeddings.weight": (20, width),
        "bert.embeddings.token_type_embeddings.weight": (2, width),
        "bert.embeddings.LayerNorm.weight": (width,),
        "bert.embeddings.LayerNorm.bias": (width,),
        "bert.pooler.dense.weight": (width, width),
        "bert.pooler.dense.bias": (width,),
        "in_linear.weight": (width, 32),
        "in_linear.bias": (width,),
    }
    for i, size in enumerate(words):
        shapes[f"word_emb.{i}.lut.weight"] = (size, 8)
    for i in range(layers):
        layer = f"bert.encoder.layer.{i}."
        shapes[layer + "attention.self.distance_embedding.weight"] = (39, head)
        modules: dict[str, tuple[int, ...]] = {
            "attention.self.query": (width, width),
            "attention.self.key": (width, width),
            "attention.self.value": (width, width),
            "attention.output.dense": (width, width),
            "attention.output.LayerNorm": (width,),
            "intermediate.dense": (40, width),
            "output.dense": (width, 40),
            "output.LayerNorm": (width,),
        }
        for name, shape in modules.items():
            shapes[f"{layer}{name}.weight"] = shape
            shapes[f"{layer}{name}.bias"] = shape[:1]
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def written(path: Path, state: Mapping[str, Tensor]) -> Path:
    """A file of these weights, as the public code saves them."""
    torch.save({"epoch": 1, "state_dict": dict(state), "optimizer": {}}, path)
    return path


class Code:
    """Unpickled, it makes a file `ran` in the working directory."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)
