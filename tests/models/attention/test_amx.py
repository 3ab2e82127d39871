"""Attention on AMX against the same in double precision. Where there is none, most is skipped."""

from __future__ import annotations

import platform
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest
import torch
from drawn_blocks import layouts
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.machine import cxx_compiler, lacks_for_amx
from models.attention import (
    Block,
    amx,
    causal_attention,
    implementation,
    plain,
    relative_attention,
    spans,
)
from models.attention.amx import library

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

needs_amx = pytest.mark.skipif(bool(lacks_for_amx()), reason=f"lacks {lacks_for_amx()}")

HEADS, LONGEST = 3, 150
ROUNDING = 5e-3  # of bf16, in a norm; plain's passes in bf16 are off by 6e-3


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


def random_input(
    blocks: list[Block], seed: int, *, size: int = 32, more: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, distances, and a gradient of what is seen; numbers of bf16.

    Of as many distances as the blocks need, or more.
    """
    generator = torch.Generator().manual_seed(seed)
    n_rows, width = sum(block.n_rows for block in blocks), HEADS * size
    reach = max(block.length for block in blocks) + more
    shapes = [(n_rows, 3 * width), (2 * reach - 1, size), (n_rows, width)]
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
@given(
    blocks=layouts(LONGEST),
    seed=st.integers(0, 2**32),
    size=st.sampled_from([32, 64, 96]),
    more=st.integers(0, 40),
    causal=st.booleans(),
    dropout=st.sampled_from([0.0, 0.3]),
    queries=st.sampled_from([1, 48, 64, 100, 256]),
)
def test_it_computes_what_double_precision_does(
    blocks: list[Block],
    seed: int,
    size: int,
    more: int,
    causal: bool,
    dropout: float,
    queries: int,
) -> None:
    qkv, table, grad = random_input(blocks, seed, size=size, more=more)
    assert implementation(qkv.device, qkv.dtype, size) == "amx"
    distances = None if causal else table
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "QUERIES", queries)
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
    assert all(map(torch.equal, found[0][:2], found[2][:2]))
    if not causal:  # sums in another order
        torch.testing.assert_close(found[0][2], found[2][2], rtol=1e-4, atol=1e-4)


@needs_amx
@pytest.mark.parametrize("causal", [False, True])
def test_what_pads_a_sequence_changes_nothing(causal: bool) -> None:
    lengths = [70, 33]
    alone = [Block(1, n) for n in lengths]
    padded = [Block(2, 96, torch.arange(96) < torch.tensor(lengths)[:, None])]
    qkv, distances, grad = random_input(alone, 1, more=26)
    table = None if causal else distances
    rows = seen(padded)

    def spread(tensor: Tensor) -> Tensor:
        result = torch.full((len(rows), tensor.shape[1]), torch.nan, dtype=tensor.dtype)
        result[rows] = tensor
        return result

    expected = attend(qkv, table, alone, grad)
    found = attend(spread(qkv), table, padded, spread(grad))
    assert torch.equal(found[0][rows], expected[0])
    assert torch.equal(found[1][rows], expected[1])
    assert all(map(torch.equal, found[2:], expected[2:]))
    assert not found[1][~rows].any()


@needs_amx
def test_padding_elsewhere_than_at_the_end_is_left_to_others() -> None:
    block = Block(1, 40, (torch.arange(40) % 3 > 0)[None])
    qkv, table, _ = random_input([block], 2)
    found = relative_attention(qkv, table, [block], HEADS)
    expected = relative_attention(qkv.double(), table.double(), [block], HEADS)
    assert (found.double() - expected).norm() / expected.norm() < 2 * ROUNDING


@needs_amx
@pytest.mark.parametrize("causal", [False, True])
def test_what_is_no_number_stays_none(causal: bool) -> None:
    blocks = [Block(1, 40)]
    qkv, table, grad = random_input(blocks, 4)
    qkv[20] = torch.nan
    for tensor in attend(qkv, None if causal else table, blocks, grad)[:2]:
        assert tensor[20:].isnan().any(dim=1).all()
        assert causal or tensor.isnan().any(dim=1).all()


@needs_amx
def test_any_layout_in_memory_and_any_wish_for_gradients_will_do() -> None:
    blocks = [Block(2, 50)]
    qkv, table, grad = random_input(blocks, 5)
    expected = attend(qkv, table, blocks, grad)
    spread = qkv.T.contiguous().T
    assert torch.equal(relative_attention(spread, table, blocks, HEADS), expected[0])
    for i in range(2):
        inputs = [t.detach().requires_grad_(i == j) for j, t in enumerate((spread, table))]
        out = relative_attention(inputs[0], inputs[1], blocks, HEADS)
        (gradient,) = torch.autograd.grad(out, inputs[i], grad.T.contiguous().T)
        assert torch.equal(gradient, expected[1 + i])
    with torch.inference_mode():
        assert torch.equal(relative_attention(qkv, table, blocks, HEADS), expected[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("rows", "width", "reach", "size", "message"),
    [
        (40, 288, 29, 32, "30 rows, but distances of fewer than 29"),
        (41, 288, 30, 32, "41 rows, but blocks of 40"),
        (40, 289, 30, 32, "289 columns are not queries, keys and values of 3 heads"),
        (40, 288, 30, 64, "distances of 64 values, heads of 32"),
    ],
)
def test_what_does_not_fit_is_told(
    dtype: torch.dtype, rows: int, width: int, reach: int, size: int, message: str
) -> None:
    qkv, table = torch.zeros(rows, width, dtype=dtype), torch.zeros(2 * reach - 1, size)
    with pytest.raises(ValueError, match=message):
        relative_attention(qkv, table, [Block(1, 30), Block(2, 5)], HEADS)


def test_other_values_and_sizes_are_left_to_others() -> None:
    cpu = torch.device("cpu")
    assert implementation(cpu, torch.float32, 64) == "plain"
    assert implementation(cpu, torch.bfloat16, 24) == "plain"


@pytest.fixture
def quick_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = ["-O0" if flag == "-O3" else flag for flag in library._FLAGS]
    monkeypatch.setattr(library, "_FLAGS", flags)


@needs_amx
def test_it_is_compiled_once_and_again_where_it_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_to_compile: None
) -> None:
    del quick_to_compile
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path))
    assert library._load(["g++"]).attention_forward
    (file,) = (tmp_path / "amx").iterdir()
    file.write_bytes(b"of another system")
    assert library._load(["g++"]).attention_forward
    built = file.stat().st_mtime_ns
    assert library._load(["env", "g++"]).attention_forward
    assert file.stat().st_mtime_ns == built
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv("SMER_BENCH_CACHE", str(in_the_way))
    assert library._load(["g++"]).attention_forward  # though it cannot be kept


@needs_amx
def test_without_a_compiler_that_can_it_warns_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "c++"
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] || { echo "too old" >&2; exit 1; }\n')
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.warns(UserWarning, match="attention goes without AMX, and slower: too old"):
        assert library.library.__wrapped__() is None
    monkeypatch.setattr(amx.tiled, "library", lambda: None)
    assert implementation(torch.device("cpu"), torch.bfloat16, 32) == "plain"
    block = Block(1, 40)
    qkv, table, _ = random_input([block], 6)
    found = relative_attention(qkv, table, [block], HEADS)
    monkeypatch.undo()
    expected = relative_attention(qkv, table, [block], HEADS)
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)
    assert not torch.equal(found, expected)


@pytest.mark.skipif(cxx_compiler() is None, reason="lacks a C++ compiler")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="for x86 processors")
def test_it_compiles_without_such_a_processor(tmp_path: Path, quick_to_compile: None) -> None:
    del quick_to_compile
    built = tmp_path / "attention.so"
    command = [*shlex.split(cxx_compiler() or ""), *library._FLAGS, str(library._MAIN)]
    subprocess.run([*command, "-o", str(built)], check=True)
    assert built.stat().st_size > 0


def test_blocks_tell_how_much_of_them_is_seen() -> None:
    assert Block(2, 3).lengths == [3, 3]
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert Block(2, 3, mask).lengths == [2, 1]
    assert Block(2, 3, ~mask).lengths is None
    assert [rows for rows, _ in spans([Block(2, 3), Block(1, 4)])] == [slice(0, 6), slice(6, 10)]
    assert amx.is_possible(torch.float32, 64) is False
