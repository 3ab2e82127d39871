"""Attention on the CPU, of any precision, in torch's and NumPy's passes.

The distance terms of Shaw et al. (2018) and Huang et al. (2020, "method 4"), as transformers 4
wrote them, gather an array of shape (length, length, head size) for every layer. Here the queries
and the keys are multiplied with the table of distances once, (length, 2 length - 1), and the
wanted (length, length) values are a skewed view of that product, as in Music Transformer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from models.attention.blocks import spans
from models.bits import copy_transposed, masked
from models.dropout import keep_mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from models.attention.blocks import Block

#: Causal attention looks at this many queries at a time, so that it never computes most of the
#: half of the scores that it may not use. Another value draws other dropout masks: raise the
#: methods' `version`.
QUERIES = 256

#: The products with the table of distances have a multiple of this many columns. Without it, the
#: 2 length - 1 are an odd number, and bf16 matrices of odd strides multiply up to 30 times slower.
_COLUMNS = 32


class Relative(torch.autograd.Function):
    """`relative_attention` on the CPU, one tape entry for all blocks of a layer."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        table: Tensor,
        blocks: Sequence[Block],
        heads: int,
        dropout: float,
    ) -> Tensor:
        """See there."""
        distances = table.to(qkv.dtype)
        out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        kept = []
        for rows, block in spans(blocks):
            split = _split(qkv[rows], block, heads)
            scores = _scores(split[:2], distances, block, heads)
            weights = torch.softmax(scores, dim=-1)
            keep = keep_mask(weights.shape, dropout) if dropout else None
            used = weights if keep is None else masked(weights, keep)
            _join(torch.bmm(used, split[2]), block, out[rows]).mul_(1 / (1 - dropout))
            kept += [split, weights] + ([] if keep is None else [keep])
        ctx.save_for_backward(distances, *kept)
        ctx.blocks, ctx.heads, ctx.dropout = blocks, heads, dropout
        ctx.table_dtype = table.dtype
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradients of `qkv` and `table`."""
        distances, *kept = ctx.saved_tensors
        d_qkv = grad.new_empty(len(grad), 3 * grad.shape[1])
        d_table = torch.zeros_like(distances, dtype=ctx.table_dtype)
        per_block = 3 if ctx.dropout else 2
        for i, (rows, block) in enumerate(spans(ctx.blocks)):
            split, weights, *keep = kept[per_block * i : per_block * (i + 1)]
            (d_out,) = _split(grad[rows], block, ctx.heads, parts=1)
            d_out = d_out * (1 / (1 - ctx.dropout))
            used = masked(weights, keep[0]) if keep else weights
            d_split = torch.empty_like(split)
            torch.bmm(used.transpose(1, 2), d_out, out=d_split[2])
            d_weights = torch.bmm(d_out, split[2].transpose(1, 2))
            if keep:
                masked(d_weights, keep[0], out=d_weights)
            d_scores = torch.ops.aten._softmax_backward_data(  # noqa: SLF001  # no public name
                d_weights, weights, -1, weights.dtype
            )
            d_window = _scores_backward(d_scores, split[:2], distances, d_split[:2])
            _window(d_table, block.length).add_(d_window)
            _join(d_split, block, d_qkv[rows])
        return d_qkv, d_table, None, None, None


def _scores(qk: Tensor, distances: Tensor, block: Block, heads: int) -> Tensor:
    """Masked scores, shape (batch * heads, length, length); the queries are already scaled."""
    q, k = qk
    products = torch.bmm(qk.flatten(1, 2), _columns(distances, block.length).transpose(1, 2))
    by_query, by_key = (_skewed(product) for product in products.view(*qk.shape[:3], -1))
    scores = torch.baddbmm(by_query, q, k.transpose(1, 2))
    transposed = torch.empty_like(scores)
    copy_transposed(by_key, transposed)  # to add what is not transposed is faster
    scores += transposed
    if block.mask is not None:
        bias = torch.zeros(block.mask.shape, dtype=scores.dtype)
        bias.masked_fill_(~block.mask, torch.finfo(scores.dtype).min)
        scores.view(block.batch, heads, *scores.shape[1:]).add_(bias[:, None, None])
    return scores


def _scores_backward(d_scores: Tensor, qk: Tensor, distances: Tensor, d_qk: Tensor) -> Tensor:
    """Writes the gradients of the unscaled queries and of the keys, both (2, ..), into `d_qk`.

    Returns:
        The gradients of the distances that took part.
    """
    (q, k), (d_q, d_k) = qk, d_qk
    length, size = q.shape[1:]
    scale = 1 / math.sqrt(size)
    columns = _columns(distances, length)
    d_products = d_scores.new_zeros(*qk.shape[:3], columns.shape[1])
    _skewed(d_products[0]).copy_(d_scores)
    copy_transposed(d_scores, _skewed(d_products[1]))
    flat = d_products.flatten(1, 2)
    torch.bmm(d_scores, k, out=d_q)
    torch.bmm(d_scores.transpose(1, 2), q, out=d_k)
    d_qk.flatten(1, 2).baddbmm_(flat, columns)
    d_q.mul_(scale)
    by_query, by_key = torch.bmm(flat.transpose(1, 2), qk.flatten(1, 2))[:, : 2 * length - 1]
    d_window: Tensor = by_query.flip(0).add_(by_key, alpha=scale)
    return d_window


def _window(table: Tensor, length: int) -> Tensor:
    """The rows of distances -(length-1)..length-1, a view."""
    middle = len(table) // 2
    return table[middle - length + 1 : middle + length]


def _columns(table: Tensor, length: int) -> Tensor:
    """What queries and keys are multiplied with, shape (2, columns, head size).

    For queries [l, r] takes the row n - 1 + r - l: t_(l-r). For keys [r, l] takes n - 1 + l - r:
    again t_(l-r), scaled, for only the queries are. Rows of zeros make up a multiple of `_COLUMNS`.
    """
    window = _window(table, length)
    both = torch.stack((window.flip(0), window * (1 / math.sqrt(window.shape[1]))))
    return nn.functional.pad(both, (0, 0, 0, -len(window) % _COLUMNS))


def _skewed(product: Tensor) -> Tensor:
    """A view, [.., i, j] = product[.., i, j - i + n - 1], of n rows and 2 n - 1 or more columns."""
    batch, n, width = product.shape
    start = product.storage_offset() + n - 1
    return product.as_strided((batch, n, n), (n * width, width - 1, 1), start)


class Causal(torch.autograd.Function):
    """`causal_attention` on the CPU, where torch's fused kernel has no dropout."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        table: None,
        blocks: Sequence[Block],
        heads: int,
        dropout: float,
    ) -> Tensor:
        """See there; without a table."""
        del table
        out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        kept = []
        for rows, block in spans(blocks):
            split = _split(qkv[rows], block, heads)
            q, k, v = split
            kept.append(split)
            mixed = torch.empty_like(q)
            for start, end in chunks(block.length):
                scores = torch.bmm(q[:, start:end], k[:, :end].transpose(1, 2))
                later = scores.new_full((end - start, end - start), -math.inf).triu_(1)
                scores[:, :, start:] += later
                weights = torch.softmax(scores, dim=-1)
                keep = keep_mask(weights.shape, dropout) if dropout else None
                used = weights if keep is None else masked(weights, keep)
                mixed[:, start:end] = torch.bmm(used, v[:, :end])
                kept += [weights] + ([] if keep is None else [keep])
            _join(mixed, block, out[rows]).mul_(1 / (1 - dropout))
        ctx.save_for_backward(*kept)
        ctx.blocks, ctx.heads, ctx.dropout = blocks, heads, dropout
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Any:
        """The gradient of `qkv`."""
        kept = iter(ctx.saved_tensors)
        d_qkv = grad.new_empty(len(grad), 3 * grad.shape[1])
        for rows, block in spans(ctx.blocks):
            q, k, v = next(kept)
            (d_out,) = _split(grad[rows], block, ctx.heads, parts=1)
            d_out = d_out * (1 / (1 - ctx.dropout))
            gradients = torch.zeros((3, *q.shape), dtype=q.dtype)
            d_q, d_k, d_v = gradients
            for start, end in chunks(block.length):
                weights = next(kept)
                keep = next(kept) if ctx.dropout else None
                used = weights if keep is None else masked(weights, keep)
                d_v[:, :end] += torch.bmm(used.transpose(1, 2), d_out[:, start:end])
                d_weights = torch.bmm(d_out[:, start:end], v[:, :end].transpose(1, 2))
                if keep is not None:
                    masked(d_weights, keep, out=d_weights)
                d_scores = torch.ops.aten._softmax_backward_data(  # noqa: SLF001  # no public name
                    d_weights, weights, -1, weights.dtype
                )
                d_q[:, start:end] = torch.bmm(d_scores, k[:, :end])
                d_k[:, :end] += torch.bmm(d_scores.transpose(1, 2), q[:, start:end])
            d_q.mul_(1 / math.sqrt(q.shape[2]))
            _join(gradients, block, d_qkv[rows])
        return d_qkv, None, None, None, None


def chunks(length: int) -> Iterator[tuple[int, int]]:
    """The queries that causal attention looks at together: first, and first after them."""
    for start in range(0, length, QUERIES):
        yield start, min(start + QUERIES, length)


def _split(rows: Tensor, block: Block, heads: int, parts: int = 3) -> Tensor:
    """(n_rows, parts * width) as (parts, batch * heads, length, head size); of three, q scaled."""
    split = rows.view(block.batch, block.length, parts, heads, -1).permute(2, 0, 3, 1, 4)
    result = split.clone(memory_format=torch.contiguous_format)
    result = result.view(parts, block.batch * heads, block.length, -1)
    if parts == 3:
        result[0].mul_(1 / math.sqrt(result.shape[3]))
    return result


def _join(values: Tensor, block: Block, out: Tensor) -> Tensor:
    """The inverse of `_split`, written into `out` (n_rows, parts * width)."""
    *parts, batch_heads, length, size = values.shape
    heads = batch_heads // block.batch
    split = values.view(*(parts or [1]), block.batch, heads, length, size).permute(1, 3, 0, 2, 4)
    out.view(block.batch, length, -1, heads, size).copy_(split)
    return out
