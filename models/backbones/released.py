"""Checkpoints as the MidiBERT-Piano code writes them.

A dict whose `state_dict` has `bert.*` (transformers' BertModel), `word_emb.{0..3}.lut.weight` and
`in_linear.*`. Its sizes are read from the shapes; the width of the table of distances is the size
of a head.

Such a file is a pickle in a zip archive. Before torch reads it, even with `weights_only`, it is
looked into without being run: it may name nothing but tensors, and claim no more than it holds.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import zipfile
from typing import TYPE_CHECKING, Any

import torch

from bench.datasets.archives import UNREADABLE, read_member
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
_LAYER = re.compile(r"bert\.encoder\.layer\.(\d{1,4})\.")
_DISTANCES = "attention.self.distance_embedding.weight"
#: Parts of one layer: ours, then theirs.
_LAYER_NAMES = {
    "mix": "attention.output.dense",
    "norm_attention": "attention.output.LayerNorm",
    "up": "intermediate.dense",
    "down": "output.dense",
    "norm": "output.LayerNorm",
}

#: All that the pickle of a checkpoint needs to name. torch allows more to be called, such as
#: `bytearray`, of any size.
_PLAIN = re.compile(
    r"collections OrderedDict|torch\._utils _rebuild_(tensor_v2|parameter)"
    r"|torch (?!Complex)\w+Storage"
)
_LARGEST_PICKLE = 16 << 20  # bytes; the release has a hundredth

#: What torch.load raises on a damaged file.
_DAMAGED = (
    OSError,
    RuntimeError,
    EOFError,
    ArithmeticError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    MemoryError,
)


def read_released(path: Path) -> tuple[dict[str, int], dict[str, Tensor], list[str]]:
    """Sizes (`MidiBertConfig`'s), weights under `MidiBert`'s names, and names left unused.

    Raises:
        UserError: not such a checkpoint, damaged, or of another vocabulary.
    """
    theirs = _state_dict(path)
    sizes = _sizes(theirs, path)
    ignored = sorted(filter(_IGNORED.fullmatch, theirs))
    left = {name: tensor for name, tensor in theirs.items() if name not in ignored}
    weights = _renamed(left, sizes, path)
    if left:
        raise UserError(
            f"{path}: not a MidiBERT-Piano checkpoint: no place for {min(left)!r}"
            + (f" and {len(left) - 1} more tensors" if len(left) > 1 else "")
        )
    return sizes, weights, ignored


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        size = path.stat().st_size
        named = _looked_into(path, size)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UNREADABLE as error:
        raise UserError(
            f"{path}: not a checkpoint of torch 1.6 or later, or a truncated one"
        ) from error
    if not all(map(_PLAIN.fullmatch, named)):
        raise UserError(f"{path}: refused: not a plain checkpoint of tensors; it carries code")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, *_DAMAGED) as error:
        raise UserError(f"{path}: a damaged checkpoint") from error
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(
        isinstance(value, torch.Tensor) for value in state.values()
    ):
        raise UserError(f"{path}: not a MidiBERT-Piano checkpoint: it has no `state_dict`")
    # Tensors may share what is stored, and a dimension may repeat it any number of times.
    if sum(value.nbytes for value in state.values()) > 2 * size:
        raise UserError(f"{path}: refused: its tensors claim to be larger than the file")
    # A model trained on several GPUs has this prefix.
    return {str(name).removeprefix("module."): value.float() for name, value in state.items()}


def _looked_into(path: Path, size: int) -> list[str]:
    """What the pickle in a checkpoint would import.

    Raises:
        UNREADABLE: not such an archive.
    """
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        (pickled,) = (member for member in members if member.filename.endswith("/data.pkl"))
        n_bytes = sum(member.file_size for member in members)  # torch packs nothing
        if n_bytes > size or pickled.file_size > _LARGEST_PICKLE:
            raise zipfile.BadZipFile("it unpacks to more than checkpoints do")
        content = read_member(archive, pickled)
    imports = ("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4")
    return [str(arg) for code, arg, _ in pickletools.genops(content) if code.name in imports]


def _sizes(theirs: dict[str, Tensor], path: Path) -> dict[str, int]:
    layers = {int(match[1]) for name in theirs if (match := _LAYER.match(name))}
    first = "bert.encoder.layer.0."
    width, joined = _matrix(theirs, "in_linear.weight", path).shape
    n_distances, head = _matrix(theirs, first + _DISTANCES, path).shape
    if width % head or joined % len(SIZES) or n_distances % 2 == 0:
        raise UserError(f"{path}: not a MidiBERT-Piano checkpoint: its sizes contradict each other")
    return {
        "width": width,
        "layers": len(layers),
        "heads": width // head,
        "inner": len(_matrix(theirs, first + "intermediate.dense.weight", path)),
        "embedding": joined // len(SIZES),
        "max_length": (n_distances + 1) // 2,
    }


def _renamed(theirs: dict[str, Tensor], sizes: dict[str, int], path: Path) -> dict[str, Tensor]:
    """Takes what `MidiBert` has out of `theirs`."""

    def take(name: str, *shape: int) -> Tensor:
        tensor = _tensor(theirs, name, path)
        if tensor.shape != shape:
            raise UserError(f"{path}: {name} has shape {tuple(tensor.shape)}, not {shape}")
        return theirs.pop(name)

    def take_module(ours: str, name: str, *shape: int) -> None:
        weights[f"{ours}.weight"] = take(f"{name}.weight", *shape)
        weights[f"{ours}.bias"] = take(f"{name}.bias", shape[0])

    width, inner, embedding = sizes["width"], sizes["inner"], sizes["embedding"]
    weights: dict[str, Tensor] = {}
    for i, (attribute, size) in enumerate(zip(ATTRIBUTES, SIZES, strict=True)):
        name = f"word_emb.{i}.lut.weight"
        if (n_words := len(_matrix(theirs, name, path))) != size:
            raise UserError(
                f"{path}: of another vocabulary: {n_words} words for {attribute}, not {size}"
            )
        weights[f"embeddings.{i}.weight"] = take(name, size, embedding)
    take_module("project", "in_linear", width, len(SIZES) * embedding)
    # Every token is of type 0, so its vector is one more bias.
    types = take(_TYPE_VECTORS, len(_matrix(theirs, _TYPE_VECTORS, path)), width)
    weights["project.bias"] = weights["project.bias"] + types[0]
    take_module("norm", "bert.embeddings.LayerNorm", width)
    shapes = {"mix": (width, width), "up": (inner, width), "down": (width, inner)}
    n_distances = 2 * sizes["max_length"] - 1
    for i in range(sizes["layers"]):
        here, there = f"layers.{i}.", f"bert.encoder.layer.{i}."
        for part, shape in (("weight", (width, width)), ("bias", (width,))):
            names = [f"{there}attention.self.{role}.{part}" for role in ("query", "key", "value")]
            weights[f"{here}qkv.{part}"] = torch.cat([take(name, *shape) for name in names])
        for mine, name in _LAYER_NAMES.items():
            take_module(here + mine, there + name, *shapes.get(mine, (width,)))
        weights[f"{here}distances.weight"] = take(
            there + _DISTANCES, n_distances, width // sizes["heads"]
        )
    return weights


def _tensor(theirs: dict[str, Tensor], name: str, path: Path) -> Tensor:
    if name not in theirs:
        raise UserError(f"{path}: not a MidiBERT-Piano checkpoint: {name!r} is missing")
    return theirs[name]


def _matrix(theirs: dict[str, Tensor], name: str, path: Path) -> Tensor:
    tensor = _tensor(theirs, name, path)
    if tensor.dim() != 2 or not tensor.numel():
        raise UserError(f"{path}: {name} has shape {tuple(tensor.shape)} and should be a matrix")
    return tensor
