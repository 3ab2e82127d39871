"""Where sequences lie on the GPU, and what calls the kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

from bench.errors import UserError
from models.attention.blocks import check_reach, reach, spans
from models.attention.gpu import kernels
from models.attention.gpu.kernels import TILE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.attention.blocks import Block

#: Warps of a kernel's program: the fewest whose registers hold its tiles, or as measured.
_WARPS = {
    kernels.distances: 8,
    kernels.forward: 4,
    kernels.backward_of_scores: 4,
    kernels.backward_of_rows: 4,
    kernels.backward_of_table: 8,
}
#: Tiles that a program loads ahead, where a row of them is short; all must fit in shared memory.
_STAGES = 3
_SHORT = 128  # bytes: 64 values in bf16
_LARGEST = 128  # head size that fits at all
#: Programs that share the sequences in the gradient of the distances.
_PROGRAMS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Where sequences lie among rows, on the GPU."""

    #: Of each sequence its first row, its length, and the tiles of a head before its own; (n, 3).
    places: Tensor
    #: Of each TILE rows of a sequence the sequence, and which of its tiles they are; (n, 2).
    row_tiles: Tensor
    #: Whether a row is seen as a key, of shape (n_rows,); None: all are.
    seen: Tensor | None
    n_tiles: int  # of queries by keys, of one head
    longest: int  # rows of a sequence

    @classmethod
    def of(cls, blocks: Sequence[Block], device: torch.device) -> Layout:
        """Of the sequences of some blocks, whose masks say which rows are seen."""
        places: list[tuple[int, int, int]] = []
        row_tiles: list[tuple[int, int]] = []
        row = tile = 0
        for length in (block.length for block in blocks for _ in range(block.batch)):
            n = _in_tiles(length)
            row_tiles += [(len(places), i) for i in range(n)]
            places.append((row, length, tile))
            row, tile = row + length, tile + n * n
        seen = None
        if any(block.mask is not None for block in blocks):
            seen = torch.ones(row, dtype=torch.uint8, device=device)
            for rows, block in spans(blocks):
                if block.mask is not None:
                    seen[rows] = block.mask.to(device, non_blocking=True).flatten()
        longest = max(block.length for block in blocks)
        return cls(_integers(places, device), _integers(row_tiles, device), seen, tile, longest)


class Fused(torch.autograd.Function):
    """`relative_attention`, and without a table `causal_attention`."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: Tensor,
        table: Tensor | None,
        blocks: Sequence[Block] | Layout,
        heads: int,
        dropout: float,
    ) -> Tensor:
        """See there."""
        layout = blocks if isinstance(blocks, Layout) else Layout.of(blocks, qkv.device)
        qkv = qkv.contiguous()
        call = _Call(layout, heads, qkv.shape[1] // 3 // heads, dropout)
        if call.size > _LARGEST:
            raise UserError(f"heads of size {call.size}: on a GPU at most {_LARGEST}")
        if table is not None:
            check_reach(table, layout.longest)
        distances = bias = keep = None
        if table is not None:
            distances = table.to(qkv.dtype).contiguous()
            bias = call.new_tiles(qkv)
            call.run(
                kernels.distances, call.by_rows, qkv, distances, bias, *call.where, reach(table)
            )
        if dropout:
            keep = call.new_tiles(qkv, torch.uint8).bernoulli_(1 - dropout)
        out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        log_sums = torch.empty(heads, len(qkv), device=qkv.device)
        call.run(
            kernels.forward,
            call.by_rows,
            *(qkv, bias, call.seen(table), keep, out, log_sums),
            *call.where,
            len(qkv),
            *call.scales,
            relative=table is not None,
            masked=call.seen(table) is not None,
            dropout=keep is not None,
        )
        ctx.save_for_backward(qkv, distances, bias, keep, out, log_sums)
        ctx.call = call
        ctx.table_dtype = None if table is None else table.dtype
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> Any:
        """The gradients of `qkv` and `table`."""
        qkv, distances, bias, keep, out, log_sums = ctx.saved_tensors
        call, layout, relative = ctx.call, ctx.call.layout, bias is not None
        d_out = d_out.contiguous()
        products = d_out.float() * out.float()
        deltas = products.view(len(qkv), call.heads, -1).sum(-1).T.contiguous()
        d_qkv = torch.empty_like(qkv)
        d_scores = call.new_tiles(qkv)
        call.run(
            kernels.backward_of_scores,
            call.by_rows,
            *(qkv, bias, call.seen(distances), keep, d_out, log_sums, deltas, d_qkv, d_scores),
            *call.where,
            len(qkv),
            *call.scales,
            relative=relative,
            masked=call.seen(distances) is not None,
            dropout=keep is not None,
        )
        farthest = reach(distances) if relative else 0
        for part in (0, 1):
            call.run(
                kernels.backward_of_rows,
                call.by_rows,
                *(qkv, distances, d_qkv, d_scores),
                *call.where,
                farthest,
                call.scales[0],
                relative=relative,
                part=part,
            )
        if not relative:
            return d_qkv, None, None, None, None
        n = len(layout.places)
        grid = (2 * _in_tiles(layout.longest) - 1, call.heads, min(_PROGRAMS, n))
        parts = torch.zeros(grid[2], grid[1], 2, *distances.shape, device=qkv.device)
        arrays = (qkv, d_scores, parts, layout.places)
        call.run(kernels.backward_of_table, grid, *arrays, n, farthest, call.scales[0])
        return d_qkv, parts.sum((0, 1, 2)).to(ctx.table_dtype), None, None, None


@dataclass(frozen=True, slots=True)
class _Call:
    """What the kernels of one layer have in common."""

    layout: Layout
    heads: int
    size: int  # of a head
    dropout: float

    def run(self, kernel: Any, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
        """Launch a kernel."""
        width = max(16, 1 << (self.size - 1).bit_length())  # Triton knows powers of two alone
        values: Tensor = arguments[0]
        # Triton launches on the current device.
        with torch.cuda.device_of(values):  # type: ignore[no-untyped-call]
            kernel[grid](
                *arguments,
                heads=self.heads,
                size=self.size,
                width=width,
                **constants,
                num_warps=_WARPS[kernel],
                num_stages=_STAGES if width * values.element_size() <= _SHORT else 1,
            )

    @property
    def by_rows(self) -> tuple[int, int]:
        """A grid: one program for each tile of rows, and each head."""
        return len(self.layout.row_tiles), self.heads

    @property
    def where(self) -> tuple[Tensor, Tensor]:
        return self.layout.places, self.layout.row_tiles

    @property
    def scales(self) -> tuple[float, float]:
        """Of scores, and of what dropout keeps."""
        return 1 / math.sqrt(self.size), 1 / (1 - self.dropout)

    def seen(self, table: Tensor | None) -> Tensor | None:
        """Which rows are seen; causal attention, without a table, asks for no mask."""
        return None if table is None else self.layout.seen

    def new_tiles(self, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """An array of tiles, with anything in it."""
        return like.new_empty(self.layout.n_tiles * self.heads, TILE, TILE, dtype=dtype)


def _in_tiles(length: int) -> int:
    """Tiles that as many rows take."""
    return -(-length // TILE)


def _integers(rows: Sequence[tuple[int, ...]], device: torch.device) -> Tensor:
    table = torch.tensor(rows, dtype=torch.int32)
    return table.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else table
