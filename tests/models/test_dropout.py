from __future__ import annotations

import math

import pytest
import torch

from models.dropout import Dropout, keep_mask


@pytest.mark.parametrize("p", [0.1, 0.25])
def test_keep_mask_drops_the_share_that_was_asked_for(p: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        mask = keep_mask((301, 1001), p)
    standard_error = math.sqrt(p * (1 - p) / mask.numel())
    assert abs(1 - float(mask.double().mean()) - p) < 4 * standard_error
    # Neighbours share a random draw, and yet are independent.
    both = (mask[:, :-1] & mask[:, 1:]).double().mean()
    assert abs(float(both) - (1 - p) ** 2) < 6 * standard_error


def test_keep_masks_are_those_of_the_seed_and_differ_from_one_another() -> None:
    def draw() -> torch.Tensor:
        return keep_mask((50, 50), 0.5)

    with torch.random.fork_rng():
        torch.manual_seed(3)
        first, second = draw(), draw()
        torch.manual_seed(3)
        assert torch.equal(draw(), first)
    assert not torch.equal(first, second)


def test_dropout_scales_in_training_and_does_nothing_otherwise() -> None:
    dropout = Dropout(0.5)
    x = torch.ones(64, 64, requires_grad=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = dropout(x)
    assert set(y.unique().tolist()) == {0.0, 2.0}
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
    assert dropout.eval()(x) is x
