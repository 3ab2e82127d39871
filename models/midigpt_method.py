"""MIDIGPT and MT-MIDIGPT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.registry import register_method
from models.backbones.midigpt import MidiGpt, MidiGptConfig
from models.heads import LastToken
from models.neural_method import NeuralMethod
from models.tokens.encodings import PERFORMANCE_WORDS
from models.tokens.performance import VOCABULARY

if TYPE_CHECKING:
    from collections.abc import Sequence


@register_method(
    "midigpt",
    version=1,
    encoding="performance-1",
    start="models.checkpoints:midigpt-{}.safetensors",
)
@dataclass(kw_only=True)
class MidiGptMethod(NeuralMethod):
    """GPT-2 over performance tokens, classified by the last one (MT-SMNN's MIDIGPT).

    As in bardo-composer, a clip is its first `max_length` tokens.
    """

    _backbone_type = MidiGpt
    _pooling = LastToken
    encoding = PERFORMANCE_WORDS

    width: int = 512
    layers: int = 4
    heads: int = 8
    max_length: int = 2048  # tokens of a clip
    dropout: float = 0.25

    def new_backbone(self) -> MidiGpt:
        """See `NeuralMethod`."""
        return MidiGpt(self.backbone_config())

    def backbone_config(self) -> MidiGptConfig:
        """See `NeuralMethod`."""
        return MidiGptConfig(
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            inner=4 * self.width,
            vocabulary=len(VOCABULARY),
            max_length=self.max_length,
            dropout=self.dropout,
        )

    def _cut(self, n_tokens: int) -> list[slice]:
        del n_tokens
        return [slice(self.max_length)]


@register_method(
    "mt-midigpt",
    version=1,
    encoding="performance-1",
    start="models.checkpoints:midigpt-{}.safetensors",
)
@dataclass(kw_only=True)
class MultiTaskMidiGpt(MidiGptMethod):
    """MIDIGPT that also learns keys (MT-SMNN's MT-MIDIGPT)."""

    tasks: Sequence[str] = ("key",)
