"""MIDIBERT and MT-MIDIBERT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.registry import register_method
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.heads import AttentionPooling
from models.neural_method import NeuralMethod
from models.tokens.compound import segments
from models.tokens.encodings import COMPOUND_WORDS, RESCALED_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clips import Clip
    from bench.methods import FloatArray


@register_method(
    "midibert",
    version=1,
    encoding="compound-1",
    start="models.checkpoints:midibert-{}.safetensors",
)
@dataclass(kw_only=True)
class MidiBertMethod(NeuralMethod):
    """BERT over one token per note, attention-weighted pooling (MT-SMNN's MIDIBERT).

    As in MidiBERT-Piano, a clip is cut into segments of `max_length` notes, the last one shorter.
    Each is an example with its clip's labels; a clip's prediction is the mean of its segments'.
    """

    _backbone_type = MidiBert
    _pooling = AttentionPooling
    encoding = COMPOUND_WORDS

    width: int = 768
    layers: int = 12
    heads: int = 12
    embedding: int = 256  # of each of a token's four parts
    max_length: int = 512  # notes in a segment
    dropout: float = 0.1

    def predict_segments(self, clips: Sequence[Clip]) -> list[FloatArray]:
        """See `bench.methods.SegmentMethod`."""
        examples = self.unlabelled_examples(clips)
        ends = np.cumsum(np.bincount([example.clip for example in examples]))
        return np.split(self._predict(examples), ends[:-1]) if examples else []

    def new_backbone(self) -> MidiBert:
        """See `NeuralMethod`."""
        return MidiBert(self.backbone_config())

    def backbone_config(self) -> MidiBertConfig:
        """See `NeuralMethod`."""
        return MidiBertConfig(
            width=self.width,
            layers=self.layers,
            heads=self.heads,
            inner=4 * self.width,
            embedding=self.embedding,
            max_length=self.max_length,
            dropout=self.dropout,
        )

    def _cut(self, n_tokens: int) -> list[slice]:
        return segments(n_tokens, self.max_length)


@register_method(
    "mt-midibert",
    version=1,
    encoding="compound-1",
    start="models.checkpoints:midibert-{}.safetensors",
)
@dataclass(kw_only=True)
class MultiTaskMidiBert(MidiBertMethod):
    """MIDIBERT that also learns keys and velocities (MT-SMNN's MT-MIDIBERT)."""

    tasks: Sequence[str] = ("key", "velocity")


@register_method(
    "midibert-rescaled",
    version=1,
    encoding="compound-rescaled-1",
    start="models.checkpoints:midibert-{}.safetensors",
)
@dataclass(kw_only=True)
class RescaledMidiBert(MidiBertMethod):
    """MIDIBERT on beats as a file states them, where the public code takes 480 ticks for one.

    A start has to have learned this encoding; the shipped ones have not.
    """

    encoding = RESCALED_WORDS
