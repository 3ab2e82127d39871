"""MIDIGPT: GPT-2 over performance tokens (Ferreira et al. 2020, bardo-composer)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from models.attention import Block, arranged, causal_attention
from models.backbones import Backbone, BackboneConfig
from models.dropout import Dropout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.attention import Arrangement

_EPSILON = 1e-5  # of layer norms, as in GPT-2
_INITIAL_STD = 0.02  # of weights, as in GPT-2


@dataclass(frozen=True, slots=True, kw_only=True)
class MidiGptConfig(BackboneConfig):
    """Sizes of a `MidiGpt`; by default the paper's for EMOPIA."""

    width: int = 512
    layers: int = 4
    heads: int = 8
    inner: int = 2048
    vocabulary: int = 152  # words
    max_length: int = 2048
    dropout: float = 0.25  # of embeddings, residuals and attention weights


class MidiGpt(Backbone):
    """The backbone. Weights are drawn from the distributions that GPT-2 has."""

    kind = "midigpt"
    config: MidiGptConfig

    def __init__(self, config: MidiGptConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.max_length, config.width)
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=_EPSILON)
        nn.init.normal_(self.words.weight, std=_INITIAL_STD)
        nn.init.normal_(self.positions.weight, std=_INITIAL_STD)

    def forward(self, tokens: Tensor) -> Tensor:
        """Hidden states of a batch, shape (batch, length, width).

        Args:
            tokens: ids, integers of shape (batch, length). What pads a sequence on the right
                changes nothing to its left.
        """
        batch, length = tokens.shape
        return self.rows(tokens.reshape(-1), [Block(batch, length)]).view(batch, length, -1)

    def rows(self, tokens: Tensor, blocks: Sequence[Block]) -> Tensor:
        """See `Backbone`; `tokens` has shape (n_rows,), and each sequence begins at position 0."""
        places = [self.positions.weight[: block.length].repeat(block.batch, 1) for block in blocks]
        hidden = self.dropout(self.words(tokens.long()) + torch.cat(places))
        arrangement = arranged(blocks, tokens.device)
        for layer in self.layers:
            hidden = layer(hidden, arrangement)
        result: Tensor = self.norm(hidden)
        return result


class _Layer(nn.Module):
    """Attention, then two linear layers; a layer norm before each."""

    def __init__(self, config: MidiGptConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(width, eps=_EPSILON)
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.up = nn.Linear(width, config.inner)
        self.down = nn.Linear(config.inner, width)
        self.dropout = Dropout(config.dropout)
        # GPT-2 draws what is added to the residual stream from a narrower normal, by depth.
        narrow = _INITIAL_STD / (2 * config.layers) ** 0.5
        stds = {self.qkv: _INITIAL_STD, self.mix: narrow, self.up: _INITIAL_STD, self.down: narrow}
        for module, std in stds.items():
            nn.init.normal_(module.weight, std=std)
            nn.init.zeros_(module.bias)

    def forward(self, hidden: Tensor, blocks: Arrangement) -> Tensor:
        dropout = self.dropout.p if self.training else 0.0
        mixed = causal_attention(self.qkv(self.norm_attention(hidden)), blocks, self.heads, dropout)
        hidden = hidden + self.dropout(self.mix(mixed))
        inner = self.up(self.norm(hidden))
        # GPT-2's approximation differs from the exact function by less than 5e-4, no more than bf16
        # rounds values from 0.12 up; and on the CPU the exact one takes a quarter of the time.
        approximate = "none" if inner.dtype == torch.bfloat16 else "tanh"
        inner = nn.functional.gelu(inner, approximate=approximate)
        result: Tensor = hidden + self.dropout(self.down(inner))
        return result
