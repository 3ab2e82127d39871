"""From hidden states to answers: pooling over a sequence, and the classifiers on top."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from models.attention import spans
from models.dropout import Dropout

if TYPE_CHECKING:
    from torch import Tensor

    from models.batching import MicroBatch

_HIDDEN = 256  # between the two linear layers of a classifier


class AttentionPooling(nn.Module):
    """Attention-weighted averages over a sequence (Lin et al. 2017), of MidiBERT-Piano's sizes.

    The weights are softmax(W2 tanh(W1 h)) over the sequence's tokens. Padding has none, unlike in
    the public code, whose averages are over the padded sequence.
    """

    def __init__(self, width: int, *, hidden: int = 128, averages: int = 4) -> None:
        super().__init__()
        self.width = averages * width
        self.inner = nn.Linear(width, hidden, bias=False)
        self.outer = nn.Linear(hidden, averages, bias=False)

    def forward(self, hidden: Tensor, batch: MicroBatch) -> Tensor:
        """(n_rows, width) to one vector per sequence, (n_sequences, averages * width)."""
        scores = self.outer(torch.tanh(self.inner(hidden))).float()
        pooled = []
        for rows, block in spans(batch.blocks):
            score = scores[rows].view(block.batch, block.length, -1)
            if block.mask is not None:
                score = score.masked_fill(~block.mask[:, :, None], -math.inf)
            weights = torch.softmax(score, dim=1).transpose(1, 2)
            states = hidden[rows].view(block.batch, block.length, -1)
            pooled.append((weights.to(states.dtype) @ states).flatten(1))
        return torch.cat(pooled)


class LastToken(nn.Module):
    """The hidden state of a sequence's last token, which has seen all others."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, hidden: Tensor, batch: MicroBatch) -> Tensor:
        """(n_rows, width) to one vector per sequence, (n_sequences, width)."""
        return hidden[batch.last]


class Classifier(nn.Sequential):
    """Two linear layers, ReLU between, from vectors (n, width) to logits (n, classes)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(nn.Linear(width, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, classes))


class TokenClassifier(nn.Sequential):
    """A classifier of single tokens, from hidden states (n, width) to logits (n, classes).

    The public code drops as much of a hidden state as its backbone does: a tenth.
    """

    def __init__(self, width: int, classes: int, dropout: float) -> None:
        super().__init__(
            Dropout(dropout),
            nn.Linear(width, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, classes),
        )
