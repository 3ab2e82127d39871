"""Backbones on disk: safetensors with their sizes inside; some are shipped in this folder.

Beside the weights a file's metadata hold `kind` (which backbone), `config` (its sizes, JSON) and
`card` (JSON: where the weights come from, for people and for records). Its `exposure` is
"inductive" if they have seen no valid or test clip, "transductive" if they may have.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from bench.errors import UserError
from bench.starts import sha256_of
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.midigpt import MidiGpt, MidiGptConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIX = ".safetensors"
_SHIPPED = Path(__file__).parent
_KINDS: dict[str, tuple[Any, Any]] = {
    MidiBert.kind: (MidiBert, MidiBertConfig),
    MidiGpt.kind: (MidiGpt, MidiGptConfig),
}


def shipped() -> dict[str, Path]:
    """The checkpoints that come with this package, by name."""
    return {path.name.removesuffix(SUFFIX): path for path in sorted(_SHIPPED.glob("*" + SUFFIX))}


def save_checkpoint(
    backbone: MidiBert | MidiGpt, path: Path, card: Mapping[str, Any] | None = None
) -> None:
    """Write a backbone in one stroke.

    Raises:
        UserError: the file cannot be written.
    """
    metadata = {
        "kind": backbone.kind,
        "config": json.dumps(asdict(backbone.config)),
        "card": json.dumps(dict(card or {})),
    }
    tensors = {name: tensor.contiguous().cpu() for name, tensor in backbone.state_dict().items()}
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(tensors, partial, metadata)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: cannot be written: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(path: Path, **changes: Any) -> tuple[MidiBert | MidiGpt, dict[str, Any]]:
    """A backbone and its card.

    Args:
        path: the file.
        changes: fields of the configuration to be other than the file's, such as `dropout`.

    Raises:
        UserError: not a checkpoint of ours, or a damaged one.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        model, config = _KINDS[metadata["kind"]]
        # Drawing weights only to replace them would also move torch's global generator.
        with torch.device("meta"):
            backbone = model(config(**{**json.loads(metadata["config"]), **changes}))
        backbone.load_state_dict(weights, assign=True)
        card = json.loads(metadata["card"])
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not a checkpoint of smer-bench, or a damaged one") from error
    return backbone, card


def describe(path: Path) -> dict[str, Any]:
    """What a checkpoint is, as JSON values: kind, sizes, parameters, digest, card.

    Raises:
        UserError: not a checkpoint of ours, or a damaged one.
    """
    backbone, card = load_checkpoint(path)
    return {
        "file": path.name,
        "kind": backbone.kind,
        "sizes": asdict(backbone.config),
        "parameters": sum(p.numel() for p in backbone.parameters()),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "card": card,
    }
