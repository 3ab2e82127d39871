from __future__ import annotations

import math

import pytest
import torch

from models.multitask import TaskWeights, loss_sums

LOSSES = {"emotion": torch.tensor(1.2), "key": torch.tensor(3.0)}


def test_equation_3_as_printed_and_as_in_its_source() -> None:
    for form, power in (("printed", 1), ("liebel", 2)):
        weights = TaskWeights(["emotion", "key"], form)  # type: ignore[arg-type]
        with torch.no_grad():
            weights.scales.copy_(torch.tensor([0.7, 1.9]))
        expected = sum(
            loss / (2 * s**power) + math.log(1 + s**2) for loss, s in ((1.2, 0.7), (3.0, 1.9))
        )
        total = weights.weighted(LOSSES) + weights.penalty()
        assert total.item() == pytest.approx(expected)


def test_the_form_that_is_printed_is_the_default() -> None:
    assert TaskWeights(["emotion", "key"]).form == "printed"


def test_scales_start_at_one_and_are_learned() -> None:
    weights = TaskWeights(["emotion", "key"])
    assert weights.values() == {"emotion": 1.0, "key": 1.0}
    (weights.weighted(LOSSES) + weights.penalty()).backward()  # type: ignore[no-untyped-call]
    # The derivative -L / (2 s^2) + 2 s / (1 + s^2) at s = 1.
    torch.testing.assert_close(weights.scales.grad, torch.tensor([1 - 0.6, 1 - 1.5]))


def test_one_task_alone_is_its_loss() -> None:
    weights = TaskWeights(["emotion"])
    assert not list(weights.values())
    assert (weights.weighted(LOSSES) + weights.penalty()).item() == pytest.approx(1.2)


def test_scales_never_reach_zero() -> None:
    weights = TaskWeights(["emotion", "key"])
    with torch.no_grad():
        weights.scales.copy_(torch.tensor([-3.0, 0.5]))
    weights.keep_positive()
    first, second = weights.scales.tolist()
    assert first > 0
    assert second == 0.5


def test_a_scale_that_training_may_reach_is_left_as_it_is() -> None:
    weights = TaskWeights(["emotion", "key"])
    with torch.no_grad():
        weights.scales.copy_(torch.tensor([0.02, 50.0]))
    weights.keep_positive()
    assert weights.scales.tolist() == pytest.approx([0.02, 50.0])


def test_what_has_no_label_counts_in_no_loss() -> None:
    logits = {"key": torch.randn(4, 24)}
    labels = torch.tensor([3, -1, 5, -1])
    some = loss_sums({"key": logits["key"][::2]}, {"key": labels[::2]})
    torch.testing.assert_close(loss_sums(logits, {"key": labels}), some)
    nothing = loss_sums(logits, {"key": torch.full((4,), -1)})
    assert float(nothing["key"]) == 0
