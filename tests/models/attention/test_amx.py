"""Attention on AMX against the same in double precision. Where there is none, most is skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.machine import lacks_for_amx
from models.attention import (
    Block,
    amx,
    causal_attention,
    implementation,
    plain,
    relative_attention,
    spans,
)

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

needs_amx = pytest.mark.skipif(bool(lacks_for_amx()), reason=f"lacks {lacks_for_amx()}")

HEADS, SIZE, LONGEST = 3, 32, 150
WIDTH = HEADS * SIZE
ROUNDING = 5e-3  # of bf16, in a norm; plain's passes in bf16 are off by 6e-3


@st.composite
def layouts(draw: st.DrawFn) -> list[Block]:
    """Blocks whose lengths are not multiples of anything, with and without padding."""
    blocks = []
    for _ in range(draw(st.integers(1, 3))):
        batch, length = draw(st.integers(1, 3)), draw(st.integers(1, LONGEST))
        mask = None
        if draw(st.booleans()):
            lengths = draw(st.lists(st.integers(1, length), min_size=batch, max_size=batch))
            mask = torch.arange(length) < torch.tensor(lengths)[:, None]
        blocks.append(Block(batch, length, mask))
    return blocks


def seen(blocks: list[Block]) -> Tensor:
    """Rows that are no padding."""
    return torch.cat(
        [
            torch.ones(block.n_rows, dtype=torch.bool)
            if block.mask is None
            else block.mask.flatten()
            for block in blocks
        ]
    )


def random_input(blocks: list[Block], seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, distances, and a gradient of what is seen; numbers of bf16."""
    generator = torch.Generator().manual_seed(seed)
    n_rows = sum(block.n_rows for block in blocks)
    shapes = [(n_rows, 3 * WIDTH), (2 * LONGEST - 1, SIZE), (n_rows, WIDTH)]
    qkv, table, grad = (torch.randn(shape, generator=generator).bfloat16() for shape in shapes)
    return qkv, table.float() * 0.5, grad * seen(blocks)[:, None]


def attend(
    qkv: Tensor, table: Tensor | None, blocks: list[Block], grad: Tensor, dropout: float = 0.0
) -> list[Tensor]:
    """What attention gives, and the gradients of its input."""
    inputs = [tensor.detach().requires_grad_() for tensor in (qkv, table) if tensor is not None]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if table is None:
            out = causal_attention(inputs[0], blocks, HEADS, dropout)
        else:
            out = relative_attention(inputs[0], inputs[1], blocks, HEADS, dropout)
    return [out, *torch.autograd.grad(out, inputs, grad)]


def check_equal(found: list[Tensor], expected: list[Tensor], grad: Tensor, rows: Tensor) -> None:
    out, *gradients = found
    assert not out[~rows].any()
    error = (out[rows].double() - expected[0][rows]).norm() / expected[0][rows].norm()
    assert error < ROUNDING
    for gradient, other in zip(gradients, expected[1:], strict=True):
        # Those of scores are differences of numbers as large as `grad`: little may be left.
        error = (gradient.double() - other).norm()
        assert error < ROUNDING * max(other.norm(), grad.double().norm())


@needs_amx
@settings(max_examples=40)
@given(layouts(), st.integers(0, 2**32), st.booleans(), st.sampled_from([0.0, 0.3]))
def test_it_computes_what_double_precision_does(
    blocks: list[Block], seed: int, causal: bool, dropout: float
) -> None:
    qkv, table, grad = random_input(blocks, seed)
    assert implementation(qkv.device, qkv.dtype, SIZE) == "amx"
    distances = None if causal else table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "QUERIES", 64)  # so that there are several chunks, of which one is cut
        found = attend(qkv, distances, blocks, grad, dropout)
        exact = attend(
            qkv.double(), None if causal else table.double(), blocks, grad.double(), dropout
        )
    check_equal(found, exact, grad, seen(blocks))


@needs_amx
@pytest.mark.parametrize("causal", [False, True])
def test_threads_and_runs_give_the_same(causal: bool) -> None:
    blocks = [Block(2, 90), Block(3, 40)]
    qkv, table, grad = random_input(blocks, 0)
    n_threads = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 1, 4, 4):
            torch.set_num_threads(threads)
            found.append(attend(qkv, None if causal else table, blocks, grad, 0.3))
    finally:
        torch.set_num_threads(n_threads)
    for mine, other in ((found[0], found[1]), (found[2], found[3])):
        assert all(map(torch.equal, mine, other))
    for mine, other in zip(found[0], found[2], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)  # sums in another order


@needs_amx
def test_what_pads_a_sequence_changes_nothing() -> None:
    lengths = [70, 33]
    alone = [Block(1, n) for n in lengths]
    padded = [Block(2, 96, torch.arange(96) < torch.tensor(lengths)[:, None])]
    qkv, table, grad = random_input(alone, 1)
    rows = seen(padded)

    def spread(tensor: Tensor) -> Tensor:
        result = torch.full((len(rows), tensor.shape[1]), torch.nan, dtype=tensor.dtype)
        result[rows] = tensor
        return result

    expected = attend(qkv, table, alone, grad)
    found = attend(spread(qkv), table, padded, spread(grad))
    assert torch.equal(found[0][rows], expected[0])
    assert torch.equal(found[1][rows], expected[1])
    assert torch.equal(found[2], expected[2])
    assert not found[1][~rows].any()


@needs_amx
def test_padding_elsewhere_than_at_the_end_is_left_to_others() -> None:
    block = Block(1, 40, (torch.arange(40) % 3 > 0)[None])
    qkv, table, _ = random_input([block], 2)
    found = relative_attention(qkv, table, [block], HEADS)
    expected = relative_attention(qkv.double(), table.double(), [block], HEADS)
    assert (found.double() - expected).norm() / expected.norm() < 2 * ROUNDING


@needs_amx
def test_too_few_distances_are_told() -> None:
    qkv, table, _ = random_input([Block(1, 30)], 0)
    with pytest.raises(ValueError, match="30 rows, but distances of fewer than 29"):
        relative_attention(qkv, table[len(table) // 2 - 28 :][:57], [Block(1, 30)], HEADS)


def test_other_values_and_sizes_are_left_to_others() -> None:
    cpu = torch.device("cpu")
    assert implementation(cpu, torch.float32, 64) == "plain"
    assert implementation(cpu, torch.bfloat16, 24) == "plain"


PROGRAM = """
import torch
from models.attention import Block, causal_attention
values = (torch.arange(40 * 96) % 97).view(40, 96).bfloat16() / 97
print(causal_attention(values, [Block(1, 40)], 1).double().sum().item())
"""


def _run(cache: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "SMER_BENCH_CACHE": str(cache), **variables},
        capture_output=True,
        text=True,
        check=True,
    )


@needs_amx
def test_it_is_compiled_once_and_again_when_damaged(tmp_path: Path) -> None:
    first = _run(tmp_path)
    (library,) = (tmp_path / "amx").iterdir()
    built = library.stat().st_mtime_ns
    # A compiler's version is asked for, but it is not run again.
    assert _run(tmp_path).stdout == first.stdout
    assert library.stat().st_mtime_ns == built
    library.write_bytes(b"not a library")
    assert _run(tmp_path).stdout == first.stdout
    assert library.read_bytes() != b"not a library"


@needs_amx
def test_without_a_compiler_that_can_it_warns_and_goes_on(tmp_path: Path) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] || { echo "too old" >&2; exit 1; }\n')
    compiler.chmod(0o755)
    other = _run(tmp_path, CXX=str(compiler))
    assert "attention goes without AMX, and slower: too old" in other.stderr
    assert float(other.stdout) == pytest.approx(float(_run(tmp_path).stdout), rel=1e-2)


def test_blocks_tell_how_much_of_them_is_seen() -> None:
    assert Block(2, 3).lengths() == [3, 3]
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert Block(2, 3, mask).lengths() == [2, 1]
    assert Block(2, 3, ~mask).lengths() is None
    assert [rows for rows, _ in spans([Block(2, 3), Block(1, 4)])] == [slice(0, 6), slice(6, 10)]
    assert amx.is_possible(torch.float32, 64) is False
