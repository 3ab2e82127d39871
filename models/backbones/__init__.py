"""The networks that turn tokens into hidden states, one per token; `kinds.py` lists them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.attention import Block


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneConfig:
    """Sizes that every backbone has; each kind adds its own, and defaults."""

    width: int  # of hidden states
    layers: int
    heads: int
    inner: int  # width between the two linear layers of a feed-forward part
    max_length: int  # tokens of a sequence, at most
    dropout: float

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")


class Backbone(nn.Module, ABC):
    """A network from tokens to hidden states. Its weights are drawn from torch's generator.

    Embeddings are `nn.Embedding`s: pre-training decays all other matrices.
    """

    kind: ClassVar[str]  # its name in checkpoints
    config: BackboneConfig

    @property
    def width(self) -> int:
        """Of the hidden states."""
        return self.config.width

    @abstractmethod
    def rows(self, tokens: Tensor, blocks: Sequence[Block]) -> Tensor:
        """Hidden states of several sequences at once, shape (n_rows, width).

        Args:
            tokens: ids, integers of shape (n_rows,), or (n_rows, parts of a token).
            blocks: how the rows make up sequences.
        """
