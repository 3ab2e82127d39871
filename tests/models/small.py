"""Networks and examples small enough to train in a test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.midigpt import MidiGpt, MidiGptConfig
from models.batching import Example
from models.heads import AttentionPooling, LastToken
from models.midibert_method import MidiBertMethod, MultiTaskMidiBert
from models.midigpt_method import MidiGptMethod, MultiTaskMidiGpt
from models.network import Network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.neural_method import NeuralMethod
    from models.training import Recipe


TINY: dict[str, Any] = {
    "width": 16,
    "layers": 1,
    "heads": 2,
    "epochs": 4,
    "batch_size": 8,
    "lr": 5e-3,
    "warmup_steps": 2,
    "max_length": 24,
}
ALL = [MidiBertMethod, MultiTaskMidiBert, MidiGptMethod, MultiTaskMidiGpt]


def tiny(cls: type[NeuralMethod], **changes: Any) -> NeuralMethod:
    sizes = {"embedding": 4} if issubclass(cls, MidiBertMethod) else {}
    return cls(**{**TINY, **sizes, **changes})


def clip(
    folder: Path, name: str, notes: list[SmfNote], quadrant: int | None = 0, beat: int = 480
) -> Clip:
    data = smf_bytes([notes], ticks_per_beat=beat)
    path = folder / f"{name}.mid"
    path.write_bytes(data)
    return Clip.from_file(path, quadrant=quadrant)


def recipe(**changes: Any) -> Recipe:
    """The paper's on EMOPIA, with changes."""
    return replace(MidiBertMethod().recipe, **changes)


def bert(tasks: Sequence[str] = ("key", "velocity"), dropout: float = 0.1) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = MidiBertConfig(
            width=16, layers=1, heads=2, inner=32, embedding=4, max_length=16, dropout=dropout
        )
        return Network(MidiBert(config), AttentionPooling(16), tasks)


def gpt() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = MidiGptConfig(
            width=16, layers=1, heads=2, inner=32, vocabulary=90, max_length=16, dropout=0.1
        )
        return Network(MidiGpt(config), LastToken(16), ["key"])


def examples(n: int, seed: int, *, compound: bool = True) -> list[Example]:
    """Clips, some of two segments, whose pitches lie the higher the higher the quadrant."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        quadrant = i % 4
        for _ in range(1 + (i % 5 == 0)):
            length = int(rng.integers(1, 17))
            pitch = 20 * quadrant + rng.integers(0, 20, length)
            tokens = np.stack([pitch % 2, pitch % 16, pitch, pitch % 64], axis=1)
            targets: dict[str, Any] = {
                "emotion": quadrant,
                "key": int(rng.integers(-1, 24)),
                "velocity": rng.integers(-1, 6, length),
            }
            if compound:
                made.append(Example(i, tokens, targets))
            else:
                del targets["velocity"]
                made.append(Example(i, pitch, targets))
    return made
