"""What happens at each step and epoch of fine-tuning, seen from outside."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
import torch

from bench.methods import silent
from bench.scoring import score_predictions
from models import training
from models.training import train
from tests.models.small import bert, examples, recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.scoring import Scores
    from models.batching import Example
    from models.network import Network
    from models.training import Recipe


def weights_of_epochs(
    macro_f1: list[float], monkeypatch: pytest.MonkeyPatch
) -> list[dict[str, torch.Tensor]]:
    """Where the weights are kept that each epoch ends with, while it is given its macro-F1."""
    weights: list[dict[str, torch.Tensor]] = []

    def validate(network: Network, *_: object) -> tuple[Scores, dict[str, float]]:
        scores = msgspec.structs.replace(
            score_predictions([0], [0]), macro_f1=macro_f1[len(weights)]
        )
        weights.append(copy.deepcopy(network.state_dict()))
        return scores, {}

    monkeypatch.setattr(training, "validate", validate)
    return weights


def test_it_ends_with_the_weights_of_the_best_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    macro_f1 = [0.1, 0.9, 0.2, 0.3]
    weights = weights_of_epochs(macro_f1, monkeypatch)
    network = bert()
    how = recipe(epochs=4, batch_size=8, lr=3e-3, patience=1)
    history = train(network, examples(8, seed=3), [], how, seed=0, progress=silent)
    assert [epoch["valid_macro_f1"] for epoch in history.epochs] == macro_f1
    assert (history.best_epoch, history.best_macro_f1) == (2, 0.9)
    assert all(
        torch.equal(tensor, weights[1][name]) for name, tensor in network.state_dict().items()
    )
    for other in (weights[0], weights[2], weights[3]):
        assert not all(torch.equal(other[name], weights[1][name]) for name in other)


def test_a_resumed_run_ends_with_the_best_weights_of_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weights_of_epochs([0.9, 0.1, 0.2, 0.3], monkeypatch)

    class StoppedError(Exception):
        pass

    def stop_after_two(fraction: float, note: str = "") -> None:
        del note
        if fraction > 0.5:
            raise StoppedError

    how = recipe(epochs=4, batch_size=8, lr=3e-3, patience=1)
    data = examples(8, seed=3)
    with pytest.raises(StoppedError):
        train(bert(), data, [], how, seed=0, progress=stop_after_two, scratch=tmp_path)
    assert len(weights) == 2
    network = bert()
    history = train(network, data, [], how, seed=0, progress=silent, scratch=tmp_path)
    assert (len(weights), history.best_epoch) == (4, 1)
    assert all(
        torch.equal(tensor, weights[0][name]) for name, tensor in network.state_dict().items()
    )


def test_the_history_has_the_means_of_an_epoch_and_what_validation_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_batches = iter([(1.0, 3.0, 2.0), (4.0, 6.0, 5.5)])

    def add_gradients(*_: object) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        loss, emotion, key = map(torch.tensor, next(of_batches))
        return loss, {"emotion": emotion, "key": key}

    scores = msgspec.structs.replace(score_predictions([0], [0]), accuracy=0.25, macro_f1=1 / 3)
    monkeypatch.setattr(training, "add_gradients", add_gradients)
    monkeypatch.setattr(training, "validate", lambda *_: (scores, {"key": 0.125}))
    network, data = bert(tasks=["key"]), examples(10, seed=3)
    with torch.no_grad():
        network.weights.scales.copy_(torch.tensor([0.5, 1.5]))
    assert len(data) == 12
    data[0] = replace(data[0], targets={"emotion": 0, "key": -1})
    history = train(network, data, [], recipe(epochs=1, batch_size=8), seed=0, progress=silent)
    assert history.epochs == [
        {
            "train_loss": (8 * 1 + 4 * 4) / 12,  # the second batch has four examples
            "train_emotion_loss": 9 / 12,
            "train_key_loss": round(7.5 / 11, 5),
            "valid_accuracy": 0.25,
            "valid_macro_f1": 0.33333,
            "valid_key_accuracy": 0.125,
            "scale_emotion": 0.5,
            "scale_key": 1.5,
        }
    ]
    assert (history.best_epoch, history.best_macro_f1) == (1, 1 / 3)


@pytest.mark.parametrize(
    ("epochs", "warmup_steps", "expected"),
    [
        (20, 4, [*np.linspace(0, 0.056, 4, endpoint=False), *np.linspace(0.056, 0.001, 56)]),
        # A short run warms up for a tenth of its steps, here one.
        (4, 500, [0, *np.linspace(0.011, 0.001, 11)]),
    ],
)
def test_the_learning_rate_warms_up_and_falls_to_zero_behind_the_last_step(
    epochs: int, warmup_steps: int, expected: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []
    new_optimiser = training.new_optimiser

    def watched(network: Network, how: Recipe) -> torch.optim.AdamW:
        optimiser = new_optimiser(network, how)

        def note(stepping: torch.optim.Optimizer, *_: Any) -> None:
            (rate,) = {group["lr"] for group in stepping.param_groups}
            rates.append(rate)

        optimiser.register_step_pre_hook(note)
        return optimiser

    monkeypatch.setattr(training, "new_optimiser", watched)
    how = recipe(
        epochs=epochs, batch_size=8, lr=max(expected), warmup_steps=warmup_steps, patience=1
    )
    data = examples(20, seed=3)
    assert len(data) == 24  # three steps an epoch
    train(bert(), data, examples(4, seed=4), how, seed=0, progress=silent)
    np.testing.assert_allclose(rates, expected, atol=1e-12)


def test_each_epoch_has_all_examples_in_an_order_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches: list[list[int]] = []
    add_gradients = training.add_gradients
    data = examples(20, seed=3)
    place = {id(example): i for i, example in enumerate(data)}

    def watched(network: Network, batch: Sequence[Example], *how: Any) -> Any:
        batches.append([place[id(example)] for example in batch])
        return add_gradients(network, batch, *how)

    monkeypatch.setattr(training, "add_gradients", watched)
    for seed in (0, 1):
        how = recipe(epochs=4, batch_size=10, patience=1)
        train(bert(), data, examples(4, seed=4), how, seed=seed, progress=silent)
    assert [len(batch) for batch in batches] == 8 * [10, 10, 4]
    orders = [tuple(chain(*batches[i : i + 3])) for i in range(0, len(batches), 3)]
    assert all(sorted(order) == list(range(24)) for order in orders)
    assert len({*orders, tuple(range(24))}) == 9


def test_no_step_takes_a_tasks_scale_to_zero_or_below() -> None:
    network = bert()
    lowest: list[float] = []
    # So fast that the first step alone would take the emotion's scale from 1 to -1.
    how = recipe(epochs=2, batch_size=8, lr=2.0, warmup_steps=0, patience=1)
    train(
        network,
        examples(20, seed=3),
        examples(4, seed=4),
        how,
        seed=0,
        progress=lambda *_: lowest.append(network.weights.scales.min().item()),
    )
    assert len(lowest) == 6
    assert min(lowest) > 0
    assert lowest[0] == min(lowest)  # where it is held
