"""MIDIBERT and MIDIGPT as one writes them down first: padded, eager, fp32.

What `benchmarks/train_step.py` measures against, and what tests compare with. MIDIBERT's layers are
those of transformers 4's BertModel with `relative_key_query`, as MidiBERT-Piano trains them;
MIDIGPT is transformers' GPT2Model.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from models.tokens.compound import PAD, SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.backbones.midibert import MidiBert
    from models.backbones.midigpt import MidiGpt
    from models.batching import Example
    from models.network import Network


class TextbookMidiBert(nn.Module):
    """`Network` over MIDIBERT with the same weights; batches padded to `max_length`."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        backbone: MidiBert = network.backbone  # type: ignore[assignment]
        config = backbone.config
        self.length = config.max_length
        self.embeddings = nn.ModuleList(nn.Embedding(n, config.embedding) for n in SIZES)
        self.project = nn.Linear(4 * config.embedding, config.width)
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(_BertLayer(layer, config) for layer in backbone.layers)
        for name in ("embeddings", "project", "norm"):
            getattr(self, name).load_state_dict(getattr(backbone, name).state_dict())
        self.inner = nn.Linear(config.width, network.pooling.inner.out_features, bias=False)
        self.outer = nn.Linear(*network.pooling.outer.weight.T.shape, bias=False)
        self.inner.load_state_dict(network.pooling.inner.state_dict())
        self.outer.load_state_dict(network.pooling.outer.state_dict())
        self.head = _copied_head(network)

    def forward(self, examples: Sequence[Example]) -> Tensor:
        """Emotion logits, (n_examples, 4)."""
        tokens = torch.tensor([PAD]).repeat(len(examples), self.length, 1)
        mask = torch.zeros(len(examples), self.length)
        for i, example in enumerate(examples):
            tokens[i, : len(example)] = torch.tensor(example.tokens).long()
            mask[i, : len(example)] = 1
        tokens, mask = tokens.to(self.norm.weight.device), mask.to(self.norm.weight.device)
        parts = [
            table(tokens[:, :, i]) * math.sqrt(table.embedding_dim)
            for i, table in enumerate(self.embeddings)
        ]
        hidden = self.dropout(self.norm(self.project(torch.cat(parts, dim=-1))))
        bias = (1 - mask)[:, None, None] * torch.finfo(torch.float32).min
        for layer in self.layers:
            hidden = layer(hidden, bias)
        scores = self.outer(torch.tanh(self.inner(hidden)))
        weights = scores.masked_fill(mask[:, :, None] == 0, -math.inf).softmax(1)
        logits: Tensor = self.head(torch.bmm(weights.transpose(1, 2), hidden).flatten(1))
        return logits


class _BertLayer(nn.Module):
    def __init__(self, ours: Any, config: Any) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        for i, linear in enumerate((self.query, self.key, self.value)):
            linear.weight.data = ours.qkv.weight.data.chunk(3)[i].clone()
            linear.bias.data = ours.qkv.bias.data.chunk(3)[i].clone()
        self.distances = nn.Embedding(*ours.distances.weight.shape)
        self.mix = nn.Linear(width, width)
        self.norm_attention = nn.LayerNorm(width, eps=1e-12)
        self.up = nn.Linear(width, config.inner)
        self.down = nn.Linear(config.inner, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        for name in ("distances", "mix", "norm_attention", "up", "down", "norm"):
            getattr(self, name).load_state_dict(getattr(ours, name).state_dict())
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, bias: Tensor) -> Tensor:
        batch, length, width = hidden.shape

        def split(x: Tensor) -> Tensor:
            return x.view(batch, length, self.heads, -1).transpose(1, 2)

        q, k, v = split(self.query(hidden)), split(self.key(hidden)), split(self.value(hidden))
        places = torch.arange(length, device=hidden.device)
        distance = places[:, None] - places[None]
        gathered = self.distances(distance + len(self.distances.weight) // 2)
        scores = q @ k.transpose(-1, -2)
        scores = scores + torch.einsum("bhld,lrd->bhlr", q, gathered)
        scores = scores + torch.einsum("bhrd,lrd->bhlr", k, gathered)
        weights = self.dropout((scores / math.sqrt(q.shape[-1]) + bias).softmax(-1))
        mixed = (weights @ v).transpose(1, 2).reshape(batch, length, width)
        hidden = self.norm_attention(hidden + self.dropout(self.mix(mixed)))
        return self.norm(hidden + self.dropout(self.down(nn.functional.gelu(self.up(hidden)))))


class TextbookMidiGpt(nn.Module):
    """`Network` over MIDIGPT with the same weights; batches padded to `max_length`."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        backbone: MidiGpt = network.backbone  # type: ignore[assignment]
        self.length = backbone.config.max_length
        self.gpt = gpt2_of(backbone)
        self.head = _copied_head(network)

    def forward(self, examples: Sequence[Example]) -> Tensor:
        """Emotion logits, (n_examples, 4)."""
        tokens = torch.zeros(len(examples), self.length, dtype=torch.long)
        mask = torch.zeros(len(examples), self.length, dtype=torch.long)
        for i, example in enumerate(examples):
            tokens[i, : len(example)] = torch.tensor(example.tokens).long()
            mask[i, : len(example)] = 1
        device = next(self.parameters()).device
        tokens, mask = tokens.to(device), mask.to(device)
        hidden = self.gpt(tokens, attention_mask=mask, use_cache=False).last_hidden_state
        logits: Tensor = self.head(
            hidden[torch.arange(len(examples), device=device), mask.sum(1) - 1]
        )
        return logits


def gpt2_of(backbone: MidiGpt) -> nn.Module:
    """Transformers' GPT2Model, eager, with a backbone's weights."""
    from transformers import GPT2Config, GPT2Model

    config = backbone.config
    model: nn.Module = GPT2Model(
        GPT2Config(
            vocab_size=config.vocabulary,
            n_positions=config.max_length,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            n_inner=config.inner,
            resid_pdrop=config.dropout,
            embd_pdrop=config.dropout,
            attn_pdrop=config.dropout,
            bos_token_id=0,
            eos_token_id=0,
            attn_implementation="eager",
        )
    )
    names = {"words": "wte", "positions": "wpe", "norm": "ln_f", "layers": "h"}
    in_layer = {
        "norm_attention": "ln_1",
        "qkv": "attn.c_attn",
        "mix": "attn.c_proj",
        "norm": "ln_2",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
    }
    state = {}
    for name, tensor in backbone.state_dict().items():
        first, *rest = name.split(".")
        if first == "layers":
            layer, module, part = rest
            rest = [layer, in_layer[module], part]
            # transformers keeps the weights of these linear layers transposed.
            tensor = tensor.T if tensor.dim() == 2 else tensor  # same tensor
        state[".".join([names[first], *rest])] = tensor
    model.load_state_dict(state)
    return model


def _copied_head(network: Network) -> nn.Module:
    ours: Any = network.heads["emotion"]
    copy = nn.Sequential(
        nn.Linear(ours[0].in_features, ours[0].out_features),
        nn.ReLU(),
        nn.Linear(ours[2].in_features, ours[2].out_features),
    )
    copy.load_state_dict(ours.state_dict())
    return copy
