"""What calls the compiled functions, for torch to differentiate."""

from __future__ import annotations

import ctypes
import math
from itertools import chain
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from models.attention import plain
from models.attention.amx.library import library
from models.attention.blocks import reach
from models.dropout import keep_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from models.attention.blocks import Block

#: As in attention.cpp: the rows of a block, and what sizes are multiples of.
_BLOCK, _STEP = 64, 32


class _Call(ctypes.Structure):
    """As in attention.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("heads", "size", "columns", "middle", "queries")),
        *((name, ctypes.c_float) for name in ("scale", "kept")),
    )


def is_possible(dtype: torch.dtype, head_size: int) -> bool:
    """Whether `Tiled` can be applied, to such values and on this machine."""
    return dtype == torch.bfloat16 and head_size % _STEP == 0 and library() is not None


class Tiled(torch.autograd.Function):
    """`relative_attention`, and without a table `causal_attention`.

    Rows that are not seen get zeros.
    """

    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        table: Tensor | None,
        blocks: Sequence[Block],
        heads: int,
        dropout: float,
    ) -> Tensor:
        """See there."""
        qkv = qkv.contiguous()
        size = qkv.shape[1] // 3 // heads
        distances = None if table is None else _laid_out(table)
        call = _Call(
            heads=heads,
            size=size,
            columns=0 if distances is None else distances.shape[1],
            middle=0 if table is None else _before(table) + len(table) // 2,
            queries=plain.QUERIES,
            scale=1 / math.sqrt(size),
            kept=1 - dropout,
        )
        shapes = list(_shapes(blocks, heads, causal=table is None))
        n_weights = [sum(map(math.prod, arrays)) for arrays in shapes]
        sequences = _places(blocks, n_weights)
        keep = _drawn(chain.from_iterable(shapes), dropout, sum(n_weights)) if dropout else None
        weights = qkv.new_empty(sum(n_weights)) if any(ctx.needs_input_grad) else None
        out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        in_pairs = None
        if distances is not None:
            in_pairs = distances.view(2, -1, size // 2, 2).transpose(1, 2).contiguous()
        threads = min(torch.get_num_threads(), len(sequences) * heads)
        _run("forward", call, sequences, threads, qkv, in_pairs, keep, weights, out)
        ctx.save_for_backward(qkv, distances, sequences, weights)
        ctx.call, ctx.threads = call, threads
        ctx.table = None if table is None else (_before(table), len(table), table.dtype)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> Any:
        """The gradients of `qkv` and `table`."""
        qkv, distances, sequences, weights = ctx.saved_tensors
        d_qkv = torch.empty_like(qkv)
        in_pairs = d_distances = None
        if distances is not None:
            size = ctx.call.size
            in_pairs = distances.view(2, -1, 2, size).transpose(2, 3).contiguous()
            d_distances = torch.zeros(ctx.threads, 2, size, distances.shape[1])
        arrays = (qkv, in_pairs, weights, d_out.contiguous(), d_qkv, d_distances)
        _run("backward", ctx.call, sequences, ctx.threads, *arrays)
        d_table = None
        if d_distances is not None:
            before, n, dtype = ctx.table
            by_query, by_key = d_distances.sum(0)[:, :, before : before + n].transpose(1, 2)
            d_table = (by_query.flip(0) + by_key).to(dtype)
        return d_qkv, d_table, None, None, None


def _laid_out(table: Tensor) -> Tensor:
    """Distances in the order of keys, then in that of queries, shape (2, columns, head size).

    Zeros before and after them, for blocks whose rows reach beyond a sequence.
    """
    before, n = _before(table), len(table)
    columns = -(-(before + n + _BLOCK) // _STEP) * _STEP
    both = torch.stack((table.flip(0), table)).to(torch.bfloat16)
    return nn.functional.pad(both, (0, 0, before, columns - before - n))


def _before(table: Tensor) -> int:
    """Zeros before the distances, so that a block's begin at an even column."""
    return _BLOCK + reach(table) % 2


def _shapes(
    blocks: Sequence[Block], heads: int, *, causal: bool
) -> Iterator[list[tuple[int, int, int]]]:
    """Of each block, those of its arrays of weights: (batch * heads, queries, keys).

    As in `plain`, so that dropout drops the same.
    """
    for block in blocks:
        chunks = plain.chunks(block.length) if causal else [(0, block.length)]
        yield [(block.batch * heads, end - start, end) for start, end in chunks]


def _drawn(shapes: Iterable[tuple[int, ...]], dropout: float, n: int) -> Tensor:
    """What dropout keeps of arrays of weights that follow one another, n in all."""
    keep = torch.empty(n, dtype=torch.bool)
    start = 0
    for shape in shapes:
        end = start + math.prod(shape)
        keep_mask(shape, dropout, out=keep[start:end])
        start = end
    return keep


def _places(blocks: Sequence[Block], n_weights: Sequence[int]) -> Tensor:
    """`Sequence` of attention.cpp for all sequences, (n_sequences, 6)."""
    places = []
    row = weights = 0
    for block, n in zip(blocks, n_weights, strict=True):
        if block.lengths is None:
            raise ValueError("rows that are not seen stand before some that are")
        for i, seen in enumerate(block.lengths):
            places.append((row, block.length, seen, block.batch, i, weights))
            row += block.length
        weights += n
    return torch.tensor(places)


def _run(name: str, call: _Call, sequences: Tensor, threads: int, *arrays: Tensor | None) -> None:
    """Call one of the compiled functions."""
    function = getattr(library(), f"attention_{name}")
    function.restype = ctypes.c_bool
    counts = (ctypes.c_int64(len(sequences)), ctypes.c_int64(threads))
    pointers = (ctypes.c_void_p(None if a is None else a.data_ptr()) for a in arrays)
    if not function(ctypes.byref(call), ctypes.c_void_p(sequences.data_ptr()), *counts, *pointers):
        raise MemoryError("attention: not enough memory, or no more threads")
