from __future__ import annotations

import math

import pytest
import torch
from drawn_blocks import layouts
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attention import Block, causal_attention, plain, relative_attention, spans

HEADS, SIZE, LONGEST = 2, 4, 12
WIDTH = HEADS * SIZE


def textbook(
    qkv: torch.Tensor, table: torch.Tensor | None, blocks: list[Block], *, causal: bool
) -> torch.Tensor:
    """Attention as transformers 4 writes it, block by block: all distances gathered."""
    out = []
    for rows, block in spans(blocks):
        n = block.length
        q, k, v = qkv[rows].view(block.batch, n, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2)
        if table is not None:
            middle = len(table) // 2
            distance = torch.arange(n)[:, None] - torch.arange(n)[None, :]
            gathered = table[distance + middle]
            scores = scores + torch.einsum("bhld,lrd->bhlr", q, gathered)
            scores = scores + torch.einsum("bhrd,lrd->bhlr", k, gathered)
        scores = scores / math.sqrt(SIZE)
        mask = torch.ones(block.batch, 1, n, n, dtype=torch.bool)
        if causal:
            mask = mask.tril()
        elif block.mask is not None:
            mask = block.mask[:, None, None]
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        out.append((scores.softmax(-1) @ v).transpose(1, 2).reshape(block.n_rows, -1))
    return torch.cat(out)


def random_input(blocks: list[Block], seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    n_rows = sum(block.n_rows for block in blocks)
    shapes = [(n_rows, 3 * WIDTH), (2 * LONGEST - 1, SIZE), (n_rows, WIDTH)]
    qkv, table, grad = (
        torch.randn(shape, dtype=torch.float64, generator=generator) for shape in shapes
    )
    return qkv.requires_grad_(), table.requires_grad_(), grad


@settings(deadline=None, max_examples=25)
@given(layouts(LONGEST), st.integers(0, 2**32))
def test_relative_attention_and_its_gradients_are_the_textbooks(
    blocks: list[Block], seed: int
) -> None:
    qkv, table, grad = random_input(blocks, seed)
    theirs = textbook(qkv, table, blocks, causal=False)
    gradients = torch.autograd.grad(theirs, (qkv, table), grad)
    ours = relative_attention(qkv, table, blocks, HEADS)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(torch.autograd.grad(ours, (qkv, table), grad), gradients, strict=True):
        torch.testing.assert_close(mine, other)


@settings(deadline=None, max_examples=25)
@given(layouts(LONGEST), st.integers(0, 2**32), st.integers(1, LONGEST + 1))
def test_causal_attention_and_its_gradients_are_the_textbooks(
    blocks: list[Block], seed: int, queries: int
) -> None:
    qkv, _, grad = random_input(blocks, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "QUERIES", queries)
        ours = causal_attention(qkv, blocks, HEADS)
        (mine,) = torch.autograd.grad(ours, qkv, grad)
    theirs = textbook(qkv, None, blocks, causal=True)
    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(mine, torch.autograd.grad(theirs, qkv, grad)[0])


@pytest.mark.parametrize("causal", [False, True])
def test_gradients_are_those_of_the_same_dropped_weights(causal: bool) -> None:
    blocks = [Block(1, 5), Block(2, 3)]
    qkv, table, _ = random_input(blocks, 0)

    def seeded(qkv: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(7)
        if causal:
            return causal_attention(qkv, blocks, HEADS, 0.4) + 0 * table.sum()
        return relative_attention(qkv, table, blocks, HEADS, 0.4)

    with torch.random.fork_rng():
        assert torch.autograd.gradcheck(seeded, (qkv, table), fast_mode=True)
        assert not torch.equal(seeded(qkv, table), relative_attention(qkv, table, blocks, HEADS))


def test_dropped_weights_keep_the_mean() -> None:
    qkv, table, _ = (tensor.detach() for tensor in random_input([Block(1, 6)], 1))
    copies = 20_000
    with torch.random.fork_rng():
        torch.manual_seed(0)
        many = relative_attention(qkv.repeat(copies, 1), table, [Block(copies, 6)], HEADS, 0.25)
    mean = many.view(copies, 6, -1).mean(0)
    expected = relative_attention(qkv, table, [Block(1, 6)], HEADS)
    torch.testing.assert_close(mean, expected, atol=0.02, rtol=0)


def test_bfloat16_is_close_to_float32() -> None:
    blocks = [Block(1, 12), Block(3, 7)]
    qkv, table, _ = (tensor.detach() for tensor in random_input(blocks, 2))
    exact = relative_attention(qkv, table, blocks, HEADS)
    rounded = relative_attention(qkv.bfloat16(), table, blocks, HEADS)
    assert rounded.dtype == torch.bfloat16
    torch.testing.assert_close(rounded.double(), exact, atol=0.1, rtol=0.05)
