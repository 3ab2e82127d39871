"""Checkpoints as the MidiBERT-Piano code writes them.

A dict whose `state_dict` has `bert.*` (transformers' BertModel), `word_emb.{0..3}.lut.weight` and
`in_linear.*`. Its sizes are read from the shapes; the width of the table of distances is the size
of a head.
"""

from __future__ import annotations

import pickle
import re
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import UserError
from models.tokens.compound import ATTRIBUTES, SIZES

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

#: Tensors the release has and its model never uses: with `inputs_embeds` and relative distances
#: BERT looks up no word and adds no position, and nothing reads its pooler. Of the token types
#: only the first takes part.
_IGNORED = re.compile(
    r"bert\.(embeddings\.(word_embeddings|position_embeddings)\.weight"
    r"|embeddings\.position_ids|pooler\.dense\.(weight|bias))"
)
_TYPE_VECTORS = "bert.embeddings.token_type_embeddings.weight"
_LAYER = re.compile(r"bert\.encoder\.layer\.(\d+)\.")
#: Parts of one layer: ours, then theirs.
_LAYER_NAMES = {
    "distances.weight": "attention.self.distance_embedding.weight",
    "mix": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}

#: What torch.load raises on a cut file; OSError when it looks for the missing end.
_DAMAGED = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
)


def read_released(path: Path) -> tuple[dict[str, int], dict[str, Tensor], list[str]]:
    """Sizes (`MidiBertConfig`'s), weights under `MidiBert`'s names, and names left unused.

    Raises:
        UserError: not such a checkpoint, damaged, or of another vocabulary.
    """
    theirs = _state_dict(path)
    sizes = _sizes(theirs, path)
    weights = _renamed(theirs, sizes, path)
    ignored = sorted(name for name in theirs if _IGNORED.fullmatch(name))
    unknown = sorted(set(theirs) - set(ignored) - _used(sizes["layers"]))
    if unknown:
        raise UserError(
            f"{path}: not a MidiBERT-Piano checkpoint: no place for {unknown[0]!r}"
            + (f" and {len(unknown) - 1} more tensors" if len(unknown) > 1 else "")
        )
    return sizes, weights, ignored


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        path.open("rb").close()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused: not a plain checkpoint of tensors; it is damaged or carries code"
        ) from error
    except _DAMAGED as error:
        raise UserError(f"{path}: not a torch checkpoint, or a truncated one") from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise UserError(f"{path}: not a MidiBERT-Piano checkpoint: it has no `state_dict`")
    # A model trained on several GPUs has this prefix.
    return {str(name).removeprefix("module."): value.float() for name, value in state.items()}


def _sizes(theirs: dict[str, Tensor], path: Path) -> dict[str, int]:
    layers = {int(match[1]) for name in theirs if (match := _LAYER.match(name))}
    first = "bert.encoder.layer.0."
    width, joined = _tensor(theirs, "in_linear.weight", path).shape
    n_distances, head = _tensor(theirs, first + _LAYER_NAMES["distances.weight"], path).shape
    if width % head or joined % len(SIZES) or n_distances % 2 == 0:
        raise UserError(f"{path}: not a MidiBERT-Piano checkpoint: its sizes contradict each other")
    return {
        "width": width,
        "layers": len(layers),
        "heads": width // head,
        "inner": len(_tensor(theirs, first + "intermediate.dense.weight", path)),
        "embedding": joined // len(SIZES),
        "max_length": (n_distances + 1) // 2,
    }


def _renamed(theirs: dict[str, Tensor], sizes: dict[str, int], path: Path) -> dict[str, Tensor]:
    def take(name: str, *shape: int) -> Tensor:
        tensor = _tensor(theirs, name, path)
        if tensor.shape != shape:
            raise UserError(f"{path}: {name} has shape {tuple(tensor.shape)}, not {shape}")
        return tensor

    width, inner, embedding = sizes["width"], sizes["inner"], sizes["embedding"]
    ours: dict[str, Tensor] = {}
    for i, (attribute, size) in enumerate(zip(ATTRIBUTES, SIZES, strict=True)):
        name = f"word_emb.{i}.lut.weight"
        n_words = len(_tensor(theirs, name, path))
        if n_words != size:
            raise UserError(
                f"{path}: of another vocabulary: {n_words} words for {attribute}, not {size}"
            )
        ours[f"embeddings.{i}.weight"] = take(name, size, embedding)
    token_types = _tensor(theirs, _TYPE_VECTORS, path)
    ours["project.weight"] = take("in_linear.weight", width, len(SIZES) * embedding)
    # Every token is of type 0, so its vector is one more bias.
    ours["project.bias"] = take("in_linear.bias", width) + token_types[0]
    shapes = {"mix": (width, width), "up": (inner, width), "down": (width, inner)}
    for part in ("weight", "bias"):
        ours[f"norm.{part}"] = take(f"bert.embeddings.LayerNorm.{part}", width)
    for i in range(sizes["layers"]):
        here, there = f"layers.{i}.", f"bert.encoder.layer.{i}."
        for part, shape in (("weight", (width, width)), ("bias", (width,))):
            names = [f"{there}attention.self.{role}.{part}" for role in ("query", "key", "value")]
            ours[f"{here}qkv.{part}"] = torch.cat([take(name, *shape) for name in names])
        for mine, name in _LAYER_NAMES.items():
            if mine == "distances.weight":
                shape = (2 * sizes["max_length"] - 1, width // sizes["heads"])
                ours[here + mine] = take(there + name, *shape)
                continue
            weight = shapes.get(mine, (width,))
            ours[f"{here}{mine}.weight"] = take(f"{there}{name}.weight", *weight)
            ours[f"{here}{mine}.bias"] = take(f"{there}{name}.bias", weight[0])
    return ours


def _used(layers: int) -> set[str]:
    names = {_TYPE_VECTORS, "in_linear.weight", "in_linear.bias"}
    names |= {f"word_emb.{i}.lut.weight" for i in range(len(SIZES))}
    modules = ["bert.embeddings.LayerNorm"]
    for i in range(layers):
        layer = f"bert.encoder.layer.{i}."
        modules += [f"{layer}attention.self.{role}" for role in ("query", "key", "value")]
        modules += [layer + name for name in _LAYER_NAMES.values() if not name.endswith(".weight")]
        names.add(layer + _LAYER_NAMES["distances.weight"])
    return names | {f"{module}.{part}" for module in modules for part in ("weight", "bias")}


def _tensor(theirs: dict[str, Tensor], name: str, path: Path) -> Tensor:
    if name not in theirs:
        raise UserError(f"{path}: not a MidiBERT-Piano checkpoint: {name!r} is missing")
    return theirs[name]
