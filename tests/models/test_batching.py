from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.batching import Example, Packing, label_counts, micro_batches, shuffled_batches

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def examples_of(lengths: list[int]) -> list[Example]:
    """Tokens tell where they come from: example i has 1000 i + 1, 1000 i + 2, ..."""
    return [
        Example(
            clip=i,
            tokens=1000 * i + 1 + np.arange(length),
            targets={"emotion": i % 4, "velocity": np.arange(length) % 6},
        )
        for i, length in enumerate(lengths)
    ]


@settings(deadline=None, max_examples=25)
@given(sizes, st.integers(1, 100), st.integers(1, 50))
def test_every_token_is_laid_out_once_and_found_again(
    lengths: list[int], max_rows: int, multiple: int
) -> None:
    examples = examples_of(lengths)
    seen = []
    for batch in micro_batches(examples, Packing(max_rows, multiple)):
        assert sum(block.n_rows for block in batch.blocks) == len(batch.tokens)
        expected = np.concatenate([examples[i].tokens for i in batch.order])
        np.testing.assert_array_equal(batch.tokens[batch.real].numpy(), expected)
        np.testing.assert_array_equal(
            batch.tokens[batch.last].numpy(), [examples[i].tokens[-1] for i in batch.order]
        )
        velocities = np.concatenate([examples[i].targets["velocity"] for i in batch.order])
        np.testing.assert_array_equal(batch.targets["velocity"].numpy(), velocities)
        np.testing.assert_array_equal(
            batch.targets["emotion"].numpy(), [i % 4 for i in batch.order]
        )
        assert len(batch.order) == 1 or len(expected) <= max_rows
        seen += batch.order
    assert sorted(seen) == list(range(len(examples)))


@settings(deadline=None, max_examples=25)
@given(sizes, st.integers(1, 50))
def test_blocks_have_few_lengths_and_masks_say_where_the_padding_is(
    lengths: list[int], multiple: int
) -> None:
    for batch in micro_batches(examples_of(lengths), Packing(10**6, multiple, longest=40)):
        assert len({block.length for block in batch.blocks}) == len(batch.blocks)
        start = 0
        for block in batch.blocks:
            tokens = batch.tokens[start : start + block.n_rows].view(block.batch, block.length)
            start += block.n_rows
            real = tokens > 0
            assert block.length == 40 or block.length % multiple == 0
            assert real.sum(1).min() > block.length - multiple
            if block.mask is None:
                assert real.all()
            else:
                assert torch.equal(block.mask, real)


def test_a_micro_batch_is_filled_to_the_last_row() -> None:
    batches = micro_batches(examples_of([8, 8, 8, 8]), Packing(max_rows=16))
    assert [batch.order for batch in batches] == [[0, 1], [2, 3]]


def test_the_longest_come_first() -> None:
    (batch,) = micro_batches(examples_of([3, 9, 5, 9]), Packing())
    assert batch.order == [1, 3, 2, 0]


def test_an_example_longer_than_the_longest_is_neither_cut_nor_padded() -> None:
    (batch,) = micro_batches(examples_of([29]), Packing(multiple=8, longest=20))
    assert batch.tokens.tolist() == list(range(1, 30))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 1000))
def test_an_epoch_takes_every_example_once_in_batches_of_the_size(
    n: int, size: int, seed: int
) -> None:
    batches = list(
        shuffled_batches(examples_of([1] * n), size, torch.Generator().manual_seed(seed))
    )
    assert Counter(e.clip for batch in batches for e in batch) == Counter(range(n))
    assert {len(batch) for batch in batches[:-1]} <= {size}
    assert 1 <= len(batches[-1]) <= size


def test_labels_are_counted_without_the_unknown() -> None:
    tokens = np.zeros(3)
    batch = [
        Example(0, tokens, {"key": -1, "velocity": np.array([0, -1, 5])}),
        Example(1, tokens, {"key": 0, "velocity": np.array([-1, -1, -1])}),
    ]
    assert label_counts(batch) == {"key": 1, "velocity": 2}
