"""Steps of pre-training, without the command around them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from models.backbones.midibert import MidiBert, MidiBertConfig
from models.pretraining.corpora import open_corpus
from models.pretraining.objectives import MaskedNotes
from models.pretraining.order import Order
from models.pretraining.pieces import divide
from models.pretraining.store import stored_tokens
from models.pretraining.training import Pretraining, Progressed, Recipe, State
from models.pretraining.windows import Windows
from models.tokens.compound import SIZES
from models.tokens.encodings import COMPOUND_WORDS
from tests.models.pretraining.orders import recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from models.batching import MicroBatch
    from models.pretraining.windows import Tokens


def new_run(folder: Path, how: Recipe) -> Pretraining:
    torch.manual_seed(0)
    backbone = MidiBert(
        MidiBertConfig(width=16, layers=1, heads=2, inner=64, embedding=4, max_length=24)
    )
    learned, held = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    return Pretraining(MaskedNotes(backbone, Order.mask_share), learned, held, how)


def test_each_step_hears_the_windows_that_follow(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    read = Windows.read

    def watched(windows: Windows, index: int) -> Tokens:
        heard.append(index)
        return read(windows, index)

    monkeypatch.setattr(Windows, "read", watched)
    run = new_run(folder, recipe())
    assert run.windows_per_step == 96 // 24
    for _ in range(3):
        run.take_step()
    assert heard == list(range(3 * run.windows_per_step))


def test_the_loss_is_the_mean_over_what_is_predicted(folder: Path) -> None:
    # All words are equally likely to a head of zeros, however many notes it is asked for.
    run = new_run(folder, recipe())
    head: Any = run.objective.head
    torch.nn.init.zeros_(head.weight)
    sizes = np.array(SIZES)
    expected = (sizes * np.log(sizes)).sum() / sizes.sum()
    assert run.valid_loss() == pytest.approx(expected)
    loss, n_tokens = run.take_step()
    assert loss == pytest.approx(expected)
    assert run.windows_per_step < n_tokens <= 96


def test_the_loss_that_is_told_is_the_mean_since_the_last_look(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = [1.0, 2.0, 6.0, 4.0, 8.0, 0.0, 5.0, 7.0]
    run = new_run(folder, recipe(steps=8))

    def step() -> tuple[float, int]:
        run.step += 1
        return losses[run.step - 1], 96

    monkeypatch.setattr(run, "take_step", step)
    told: list[Progressed] = []
    run.run(3, told.append, State(tmp_path / "state", {}))
    assert [now.loss for now in told] == [1, 1.5, 3, 4, 6, 4, 5, 6]
    assert [(now.step, now.loss) for now in run.history] == [(3, 3), (6, 4), (8, 6)]


def test_nothing_is_dropped_in_validation(folder: Path) -> None:
    run = new_run(folder, recipe())
    run.take_step()
    assert run.valid_loss() == run.valid_loss()


def test_a_large_gradient_is_clipped_to_length_1(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(folder, recipe())
    lengths: list[float] = []

    def note(*_: Any) -> None:
        gradients = [p.grad.flatten() for p in run.objective.parameters() if p.grad is not None]
        lengths.append(float(torch.linalg.norm(torch.cat(gradients))))

    run.optimiser.register_step_pre_hook(note)
    loss_sum = run.objective.loss_sum

    def scaled(factor: float) -> Callable[[MicroBatch], Tensor]:
        return lambda batch: factor * loss_sum(batch)

    for factor in (1e3, 1e-3):
        monkeypatch.setattr(run.objective, "loss_sum", scaled(factor))
        run.take_step()
    assert lengths[0] == pytest.approx(1, rel=1e-3)
    assert lengths[1] < 0.1


def test_weights_decay_and_embeddings_norms_and_biases_do_not(folder: Path) -> None:
    assert recipe().weight_decay == 0.01
    run = new_run(folder, recipe(weight_decay=0.3))
    decayed, free = run.optimiser.param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    assert decayed["betas"] == free["betas"] == (0.9, 0.98)
    kinds = {
        parameter: (type(module), name)
        for module in run.objective.modules()
        for name, parameter in module.named_parameters(recurse=False)
    }
    assert {kinds[p] for p in decayed["params"]} == {(torch.nn.Linear, "weight")}
    assert {kinds[p] for p in free["params"]} == {
        (torch.nn.Embedding, "weight"),
        (torch.nn.LayerNorm, "weight"),
        (torch.nn.LayerNorm, "bias"),
        (torch.nn.Linear, "bias"),
    }


def test_timing_leaves_no_trace(folder: Path) -> None:
    weights = []
    for timed in (False, True):
        run = new_run(folder, recipe(steps=4))
        if timed:
            assert run.seconds_per_step() > 0
        run.take_step()
        weights.append(run.objective.state_dict())
    for name, tensor in weights[0].items():
        assert torch.equal(weights[1][name], tensor), name


def test_steps_follow_the_schedule(folder: Path) -> None:
    rising = recipe(lr=0.1, warmup_steps=4)
    run = new_run(folder, rising)
    run.take_step()
    run.take_step()
    assert {group["lr"] for group in run.optimiser.param_groups} == {rising.lr_at(1)}


def test_the_learning_rate_rises_and_falls_to_nothing() -> None:
    long = recipe(steps=1000, lr=1.0, warmup_steps=100)
    rates = [long.lr_at(step) for step in range(1001)]
    assert rates[0] == 0.01
    assert rates[99] == max(rates) == 1.0
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[1000] == 0
    assert recipe(steps=20, lr=1.0, warmup_steps=500).lr_at(1) == 1.0
