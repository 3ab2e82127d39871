"""Self-attention: BERT's with `relative_key_query` distances, and GPT-2's causal one.

Both work on *rows*: the tokens of several sequences, one under the other, as the linear layers
before and after them like it. `Block`s of sequences of one length, padding included, say which
rows attend to each other.

There are three implementations: `plain` on any CPU, `amx` in bf16 on a CPU with that instruction
set, and `gpu`. Dropout drops the same in the first two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import torch

from models.attention import amx
from models.attention.blocks import Block, check_shapes, spans
from models.attention.plain import Causal, Relative

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.attention.gpu import Layout

    #: Which rows see each other: blocks, or on a GPU where their sequences lie.
    Arrangement: TypeAlias = "Sequence[Block] | Layout"

    Implementation: TypeAlias = Literal["plain", "amx", "gpu"]

__all__ = [
    "Block",
    "arranged",
    "causal_attention",
    "implementation",
    "relative_attention",
    "spans",
]


def relative_attention(
    qkv: Tensor, table: Tensor, blocks: Arrangement, heads: int, dropout: float = 0.0
) -> Tensor:
    """Bidirectional attention with `relative_key_query` distances.

    The score of query l and key r is (q_l k_r + q_l t_(l-r) + k_r t_(l-r)) / sqrt(head size).

    Args:
        qkv: queries, keys and values, shape (n_rows, 3 * width).
        table: one vector for each distance l - r = -(m-1)..m-1, shape (2 m - 1, head size).
        blocks: which rows see each other; their `n_rows` sum to n_rows, no length exceeds m.
        heads: width = heads * head size.
        dropout: probability with which an attention weight is dropped.

    Returns:
        Shape (n_rows, width). Rows that a mask hides mean nothing.

    Raises:
        ValueError: the arguments do not fit each other.
    """
    return _apply(qkv, table, blocks, heads, dropout)


def causal_attention(qkv: Tensor, blocks: Arrangement, heads: int, dropout: float = 0.0) -> Tensor:
    """Attention to oneself and what came before, without distances.

    As `relative_attention`, but for the mask: what it hides on the right no row before it sees.
    """
    return _apply(qkv, None, blocks, heads, dropout)


def implementation(device: torch.device, dtype: torch.dtype, head_size: int) -> Implementation:
    """What computes attention of such values there, if only the ends of sequences are padding."""
    if device.type != "cpu":
        return "gpu"
    return "amx" if amx.is_possible(dtype, head_size) else "plain"


def arranged(blocks: Sequence[Block], device: torch.device) -> Arrangement:
    """Blocks as attention on a device wants them: to ask for once, not in every layer."""
    if device.type == "cpu":
        return blocks
    from models.attention.gpu import Layout

    return Layout.of(blocks, device)


def _apply(
    qkv: Tensor, table: Tensor | None, blocks: Arrangement, heads: int, dropout: float
) -> Tensor:
    """Either of them: with a table of distances, or causal."""
    chosen = implementation(qkv.device, qkv.dtype, qkv.shape[1] // 3 // heads)
    function: Any
    if chosen == "gpu":
        from models.attention.gpu import Fused  # needs Triton, which comes with a torch for GPUs

        function = Fused
    else:
        on_cpu = cast("Sequence[Block]", blocks)
        check_shapes(qkv, table, on_cpu, heads)
        if chosen == "amx" and all(block.lengths is not None for block in on_cpu):
            function = amx.Tiled
        else:
            function = Causal if table is None else Relative
    with torch.autocast(qkv.device.type, enabled=False):
        result: Tensor = function.apply(qkv, table, blocks, heads, dropout)
    return result
