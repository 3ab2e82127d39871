"""Fine-tuned networks on disk: a backbone with its pooling and heads, and the method they are of.

Beside a backbone's metadata a file has `method` (JSON: name, version, encoding, settings). Its
card says what the network learned from and how it fares on the test clips. Where the train clips
have one resolution, files that the loaded method is asked about are brought to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from bench.errors import UserError
from bench.records import DatasetUsed  # noqa: TC001 - msgspec reads it
from bench.registry import find_method
from bench.scoring import Scores  # noqa: TC001 - likewise
from bench.starts import START, sha256_of
from models.checkpoints import (
    METHOD,
    empty_backbone,
    is_finetuned,
    load_checkpoint,
    metadata_of,
    shipped,
)
from models.checkpoints.weights import read_metadata, read_weights, refusing, write_weights
from models.neural_method import NeuralMethod

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch.nn import Module

    from bench.registry import MethodEntry

#: What the shipped networks have learned from.
_DATASET = "emopia"
#: Ticks per beat that a MIDI file may have.
_FINEST = 0x7FFF


class Card(msgspec.Struct, frozen=True):
    """Where a network comes from."""

    dataset: DatasetUsed  # what it learned from
    suite: str
    seed: int
    key: str  # of the cell that it was trained as
    protocol: int
    scores: Scores  # over the dataset's test clips
    best_epoch: int
    precision: str
    start: Any  # the checkpoint it started from, or "random"
    package: str
    device: str
    command: str
    #: Of all clips that it learned from; None where they differ, or in older cards.
    ticks_per_beat: Annotated[int, msgspec.Meta(ge=1, le=_FINEST)] | None = None


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned network."""

    name: str  # of its method
    method: NeuralMethod  # fitted
    card: Card


def neural_type(entry: MethodEntry) -> type[NeuralMethod]:
    """A method's class.

    Raises:
        UserError: it is not a neural method of this package.
    """
    kind = entry.load()
    if not (isinstance(kind, type) and issubclass(kind, NeuralMethod)):
        raise UserError(f"{entry.name}: has no network to train")
    return kind


def save_finetuned(
    method: NeuralMethod,
    entry: MethodEntry,
    settings: Mapping[str, Any],
    path: Path,
    card: Card,
) -> None:
    """Write a fitted method in one stroke.

    Args:
        method: the method.
        entry: as the registry knows it.
        settings: what it was made with, JSON values.
        path: the file.
        card: where the network comes from.

    Raises:
        UserError: the file cannot be written.
    """
    network = method.network
    made = {
        "name": entry.name,
        "version": entry.version,
        "encoding": entry.encoding,
        # The start is in the card; the device is chosen by whoever loads the file.
        "settings": {k: v for k, v in settings.items() if k not in (START, "device")},
    }
    metadata = metadata_of(network.backbone, msgspec.to_builtins(card)) | {METHOD: json.dumps(made)}
    write_weights(path, network.state_dict(), metadata)


def load_finetuned(path: Path, **changes: Any) -> FineTuned:
    """A network as it was saved.

    Args:
        path: the file.
        changes: settings to be other than the file's, such as `device`.

    Raises:
        UserError: not a checkpoint of ours, a damaged one, a mere backbone, or one whose method
            has changed since.
    """
    if not is_finetuned(path):
        raise UserError(
            f"{path}: a backbone, which knows no emotion: fine-tune it (`bench finetune`)"
        )
    with refusing(path):
        metadata = read_metadata(path)
        made = json.loads(metadata[METHOD])
        entry = find_method(made["name"])
        if (made["version"], made["encoding"]) != (entry.version, entry.encoding):
            raise UserError(f"{path}: made by another version of {entry.name}: make it anew")
        card = msgspec.json.decode(metadata["card"], type=Card)
        method = neural_type(entry)(**{**made["settings"], **changes})
        backbone = empty_backbone(metadata, dropout=method.dropout)
        method.take(backbone, read_weights(path), card.ticks_per_beat)
        return FineTuned(entry.name, method, card)


def find_finetuned(method: str) -> Path:
    """The shipped network of a method.

    Raises:
        UserError: none is shipped; says how to make one, or whom else to ask.
    """
    entry, there = find_method(method), shipped(finetuned=True)
    if path := there.get(f"{entry.name}-{_DATASET}"):
        return path
    try:
        neural_type(entry)
    except UserError:
        others = [f"--method {name.removesuffix(f'-{_DATASET}')}" for name in there]
        raise UserError(
            f"{method}: has no network to ask: say {' or '.join([*others, '--checkpoint FILE'])}"
        ) from None
    raise UserError(
        f"no fine-tuned {method} is shipped: make one (`bench finetune {method} --dataset "
        f"{_DATASET}`) and name it with --checkpoint FILE"
    )


def describe(path: Path) -> dict[str, Any]:
    """What a checkpoint is, backbone or fine-tuned network, as JSON values.

    Raises:
        UserError: not a checkpoint of ours, or a damaged one.
    """
    module: Module
    if is_finetuned(path):
        tuned = load_finetuned(path, device="cpu")
        module, card = tuned.method.network, msgspec.to_builtins(tuned.card)
    else:
        module, card = load_checkpoint(path)
    metadata = read_metadata(path)
    about = {
        "file": path.name,
        "kind": metadata["kind"],
        "sizes": json.loads(metadata["config"]),
        "parameters": sum(p.numel() for p in module.parameters()),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
        "card": card,
    }
    return about | ({METHOD: json.loads(metadata[METHOD])} if METHOD in metadata else {})
