"""MIDIBERT: BERT over compound words (MidiBERT-Piano, Chou et al. 2021), with its own attention.

Four embeddings, one for each part of a token, are scaled, concatenated and projected to the
model's width; then come BERT's layers, which know positions only through `relative_key_query`
distances. There is no [CLS], and no absolute position.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from models.attention import Block, arranged, relative_attention
from models.backbones import Backbone, BackboneConfig
from models.backbones.released import read_released
from models.dropout import Dropout
from models.tokens.compound import SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from models.attention import Arrangement

_EPSILON = 1e-12  # of layer norms, as in BERT
_INITIAL_STD = 0.02  # of weights, as in BERT


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiBertConfig(BackboneConfig):
    """Sizes of a `MidiBert`; by default the released model's, 85 M parameters in its layers."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    inner: int = 3072
    embedding: int = 256  # for each of the four parts of a token
    max_length: int = 512  # distances -(max_length-1)..max_length-1 have a vector
    dropout: float = 0.1  # of hidden states and of attention weights


class MidiBert(Backbone):
    """The backbone. Weights are drawn from the distributions that BERT and MidiBERT have."""

    kind = "midibert"
    config: MidiBertConfig

    def __init__(self, config: MidiBertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = nn.ModuleList(nn.Embedding(size, config.embedding) for size in SIZES)
        self.project = nn.Linear(len(SIZES) * config.embedding, config.width)
        self.norm = nn.LayerNorm(config.width, eps=_EPSILON)
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))

    @classmethod
    def from_released(cls, path: Path) -> MidiBert:
        """A checkpoint of the MidiBERT-Piano code, with the sizes that the file has.

        The model is in evaluation mode: `.train()` makes it drop again.

        Raises:
            UserError: not such a checkpoint, damaged, or of another vocabulary.
        """
        sizes, weights, _ = read_released(path)
        model = cls(MidiBertConfig(**sizes))
        model.load_state_dict(weights)
        return model.eval()

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Hidden states of a padded batch.

        Args:
            tokens: ids, integers of shape (batch, length, 4).
            mask: nonzero where there is a token, shape (batch, length). What is not is seen by
                no token; its own hidden states mean nothing.

        Returns:
            Shape (batch, length, width).
        """
        batch, length = tokens.shape[:2]
        block = Block(batch, length, mask.bool())
        return self.rows(tokens.reshape(-1, len(SIZES)), [block]).view(batch, length, -1)

    def rows(self, tokens: Tensor, blocks: Sequence[Block]) -> Tensor:
        """See `Backbone`; `tokens` has shape (n_rows, 4)."""
        columns = tokens.long().unbind(1)
        parts = [table(ids) for table, ids in zip(self.embeddings, columns, strict=True)]
        projected = self.project(torch.cat(parts, dim=1) * math.sqrt(self.config.embedding))
        hidden: Tensor = self.dropout(self.norm(projected))
        arrangement = arranged(blocks, tokens.device)
        for layer in self.layers:
            hidden = layer(hidden, arrangement)
        return hidden


class _Layer(nn.Module):
    """Attention, then two linear layers; a layer norm after each residual sum."""

    def __init__(self, config: MidiBertConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.qkv = nn.Linear(width, 3 * width)
        self.distances = nn.Embedding(2 * config.max_length - 1, width // config.heads)
        self.mix = nn.Linear(width, width)
        self.norm_attention = nn.LayerNorm(width, eps=_EPSILON)
        self.up = nn.Linear(width, config.inner)
        self.down = nn.Linear(config.inner, width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.dropout = Dropout(config.dropout)
        for module in (self.qkv, self.mix, self.up, self.down):
            nn.init.normal_(module.weight, std=_INITIAL_STD)
            nn.init.zeros_(module.bias)
        nn.init.normal_(self.distances.weight, std=_INITIAL_STD)

    def forward(self, hidden: Tensor, blocks: Arrangement) -> Tensor:
        dropout = self.dropout.p if self.training else 0.0
        mixed = relative_attention(
            self.qkv(hidden), self.distances.weight, blocks, self.heads, dropout
        )
        hidden = self.norm_attention(hidden + self.dropout(self.mix(mixed)))
        inner = nn.functional.gelu(self.up(hidden))
        result: Tensor = self.norm(hidden + self.dropout(self.down(inner)))
        return result
