"""Checkpoints on disk: safetensors with their sizes inside; some are shipped in this folder.

Here are backbones, which fine-tuning starts from; `finetuned.py` has what it ends with. Beside the
weights a file's metadata hold `kind` (which backbone), `config` (its sizes, JSON) and `card`
(JSON: where the weights come from, for people and for records). A backbone's card may say:

- `exposure`: "inductive" if it has seen no valid or test clip, not even its notes, of the datasets
  in `held_against` (name -> digest), "transductive" if it may have. Older cards do not name the
  datasets: they are EMOPIA, VGMIDI and `synthetic`.
- `encoding`: the name and version of what it reads.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from bench.errors import UserError
from models.backbones.kinds import KINDS
from models.checkpoints.weights import read_metadata, read_weights, refusing, write_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.backbones import Backbone

SUFFIX = ".safetensors"
#: The metadata that only a fine-tuned network has: which method's it is.
METHOD = "method"
#: Even without weights a layer costs time and memory.
_MOST_LAYERS = 1000
_SHIPPED = Path(__file__).parent


def shipped(*, finetuned: bool = False) -> dict[str, Path]:
    """The backbones, or the fine-tuned networks, that come with this package, by name."""
    files = {path.name.removesuffix(SUFFIX): path for path in sorted(_SHIPPED.glob("*" + SUFFIX))}
    return {name: path for name, path in files.items() if is_finetuned(path) == finetuned}


def is_finetuned(path: Path) -> bool:
    """Whether a checkpoint is a fine-tuned network, not a backbone.

    Raises:
        UserError: not a checkpoint of ours, or a damaged one.
    """
    with refusing(path):
        return METHOD in read_metadata(path)


def save_checkpoint(backbone: Backbone, path: Path, card: Mapping[str, Any] | None = None) -> None:
    """Write a backbone in one stroke.

    Raises:
        UserError: the file cannot be written.
    """
    write_weights(path, backbone.state_dict(), metadata_of(backbone, card or {}))


def metadata_of(backbone: Backbone, card: Mapping[str, Any]) -> dict[str, str]:
    """What a file says of the backbone in it."""
    return {
        "kind": backbone.kind,
        "config": json.dumps(asdict(backbone.config)),
        "card": json.dumps(dict(card)),
    }


def load_checkpoint(path: Path, **changes: Any) -> tuple[Backbone, dict[str, Any]]:
    """A backbone and its card.

    Args:
        path: the file.
        changes: fields of the configuration to be other than the file's, such as `dropout`.

    Raises:
        UserError: not a checkpoint of ours, a damaged one, or a fine-tuned network.
    """
    backbone, card = load_sizes(path, **changes)
    with refusing(path):
        backbone.load_state_dict(read_weights(path), assign=True)
    return backbone, card


def load_sizes(path: Path, **changes: Any) -> tuple[Backbone, dict[str, Any]]:
    """What `load_checkpoint` loads, except for the weights, which are not read.

    Raises:
        UserError: as `load_checkpoint`.
    """
    if is_finetuned(path):
        raise UserError(f"{path}: a fine-tuned network, not a backbone to start from")
    with refusing(path):
        metadata = read_metadata(path)
        card = json.loads(metadata["card"])
        if not isinstance(card, dict):
            raise TypeError("a card is an object")
        return empty_backbone(metadata, **changes), card


def empty_backbone(metadata: Mapping[str, str], **changes: Any) -> Backbone:
    """The backbone that a file's metadata describe, its weights still to be loaded.

    On torch's meta device: drawing weights only to replace them would move torch's global
    generator, and a stranger's file could ask for more of them than there is memory.
    """
    kind = KINDS[metadata["kind"]]
    sizes = kind.config(**{**json.loads(metadata["config"]), **changes})
    if sizes.layers > _MOST_LAYERS:
        raise ValueError(f"{sizes.layers} layers")
    with torch.device("meta"):
        return kind.model(sizes)
