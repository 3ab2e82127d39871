"""The GPU's kernels: on a GPU where there is one, else as Triton interprets them on the CPU."""

from __future__ import annotations

import math

import pytest
import torch

from bench.errors import UserError
from models import attention
from models.attention import Block, spans

pytest.importorskip("triton", reason="Triton is for Linux")

from models.attention.gpu import Fused, Layout, fused
from models.attention.gpu.kernels import TILE

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
P = 0.3
TABLE = TILE + 40  # distances are less
BLOCKS = [
    Block(1, TILE + 30),
    Block(2, TILE + 6, torch.arange(TILE + 6) < torch.tensor([[TILE + 6], [TILE - 9]])),
    Block(1, 5),
]


def written_out(
    qkv: torch.Tensor, table: torch.Tensor | None, heads: int, keep: torch.Tensor | None
) -> torch.Tensor:
    """Attention over BLOCKS sequence by sequence, with all distances gathered."""
    out, tile = [], 0
    for rows, block in spans(BLOCKS):
        n, tiles = block.length, -(-block.length // TILE)
        for i, sequence in enumerate(qkv[rows].chunk(block.batch)):
            q, k, v = sequence.view(n, 3, heads, -1).permute(1, 2, 0, 3)
            scores = q @ k.transpose(1, 2)
            seen = torch.ones(n, n, dtype=torch.bool)
            if table is None:
                seen = seen.tril()  # whatever the mask
            else:
                seen = seen if block.mask is None else block.mask[i]
                places = torch.arange(n)
                gathered = table[places[:, None] - places[None] + len(table) // 2]
                scores = scores + torch.einsum("hld,lrd->hlr", q, gathered)
                scores = scores + torch.einsum("hrd,lrd->hlr", k, gathered)
            scores = (scores / math.sqrt(q.shape[2])).masked_fill(~seen, -math.inf)
            weights = scores.softmax(-1)
            if keep is not None:
                kept = keep[tile * heads : (tile + tiles**2) * heads]
                kept = kept.view(heads, tiles, tiles, TILE, TILE).transpose(2, 3)
                weights = weights * kept.reshape(heads, tiles * TILE, -1)[:, :n, :n] / (1 - P)
            tile += tiles**2
            out.append((weights @ v).transpose(0, 1).reshape(n, -1))
    return torch.cat(out)


def compare(
    heads: int,
    size: int,
    *,
    relative: bool,
    dropout: float,
    dtype: torch.dtype = torch.float32,
    tolerance: float = 1e-5,
) -> None:
    """Results and gradients of the kernels with those of attention written out, in double."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(DEVICE, dtype).requires_grad_()

    n_rows = sum(block.n_rows for block in BLOCKS)
    qkv, d_out = random(n_rows, 3 * heads * size), random(n_rows, heads * size)
    inputs = [qkv, random(2 * TABLE - 1, size)] if relative else [qkv]
    table = inputs[1] if relative else None
    ours = Fused.apply(qkv, table, Layout.of(BLOCKS, DEVICE), heads, dropout)
    keep = ours.grad_fn.saved_tensors[3]
    assert (keep is None) == (dropout == 0)
    if keep is not None:
        assert keep.float().mean() == pytest.approx(1 - P, abs=0.02)
        keep = keep.double().cpu()
    doubles = [x.detach().double().cpu().requires_grad_() for x in inputs]
    theirs = written_out(doubles[0], doubles[1] if relative else None, heads, keep)
    gradients = torch.autograd.grad(ours, inputs, d_out)
    expected = torch.autograd.grad(theirs, doubles, d_out.double().cpu())
    for mine, other in zip((ours, *gradients), (theirs, *expected), strict=True):
        error = (mine.double().cpu() - other).norm() / other.norm()
        assert error < tolerance


@pytest.mark.parametrize(
    ("heads", "size", "relative", "dropout"),
    [(2, 16, True, 0.0), (3, 24, True, P), (2, 16, False, 0.0), (2, 16, False, P)],
)
def test_kernels_and_their_gradients_are_attention_written_out(
    heads: int, size: int, relative: bool, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "_PROGRAMS", 3)  # fewer than there are sequences
    compare(heads, size, relative=relative, dropout=dropout)


@pytest.mark.skipif(DEVICE.type == "cpu", reason="Triton cannot interpret bf16")
@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_a_gpu_computes_it_in_the_sizes_of_the_models(
    size: int, relative: bool, dtype: torch.dtype, tolerance: float
) -> None:
    compare(12, size, relative=relative, dropout=P, dtype=dtype, tolerance=tolerance)


def test_sequences_of_one_row_one_tile_and_more_than_two(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [Block(1, 2 * TILE + 3), Block(1, TILE), Block(2, 1)]
    monkeypatch.setitem(globals(), "BLOCKS", lengths)
    monkeypatch.setitem(globals(), "TABLE", 3 * TILE)
    compare(1, 16, relative=True, dropout=0.0)


def test_what_a_gpu_cannot_compute_is_told() -> None:
    layout = Layout.of([Block(1, 9)], DEVICE)
    with pytest.raises(ValueError, match="9 rows, but distances of fewer than 8"):
        Fused.apply(torch.zeros(9, 3 * 16), torch.zeros(2 * 8 - 1, 16), layout, 1, 0.0)
    with pytest.raises(UserError, match="heads of size 256: on a GPU at most 128"):
        Fused.apply(torch.zeros(9, 3 * 256), None, layout, 1, 0.0)


@pytest.mark.parametrize("relative", [True, False])
def test_a_gpu_and_a_cpu_compute_the_same(relative: bool) -> None:
    blocks = [Block(2, 9, torch.arange(9) < torch.tensor([[9], [4]])), Block(1, 12)]
    qkv, table = torch.randn(30, 3 * 2 * 16), torch.randn(2 * 20 - 1, 16)
    layout = Layout.of(blocks, DEVICE)
    if relative:
        expected = attention.relative_attention(qkv, table, blocks, 2)
    else:
        expected = attention.causal_attention(qkv, blocks, 2)
    for given in (blocks, layout):
        moved = table.to(DEVICE) if relative else None
        found = Fused.apply(qkv.to(DEVICE), moved, given, 2, 0.0).cpu()
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_what_pads_a_sequence_gets_no_gradient_as_a_key() -> None:
    qkv = torch.randn(sum(block.n_rows for block in BLOCKS), 3 * 16, device=DEVICE)
    qkv.requires_grad_()
    table = torch.randn(2 * TABLE - 1, 16, device=DEVICE)
    out = Fused.apply(qkv, table, Layout.of(BLOCKS, DEVICE), 1, 0.0)
    (gradient,) = torch.autograd.grad(out.sum(), qkv)
    mask = torch.ones(len(qkv), dtype=torch.bool)
    (_, padded) = list(spans(BLOCKS))[1]
    assert padded.mask is not None
    mask[BLOCKS[0].n_rows : BLOCKS[0].n_rows + padded.n_rows] = padded.mask.flatten()
    keys_and_values = gradient.cpu()[:, 16:]
    assert not keys_and_values[~mask].any()
    assert keys_and_values[mask].any(dim=1).all()
