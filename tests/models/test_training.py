from __future__ import annotations

import errno
import io
import itertools
import math
import os
import zipfile
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from bench.methods import silent
from bench.scoring import score
from models import training
from models.batching import Packing, micro_batches
from models.evaluation import mean_by_clip, predict
from models.training import History, train
from tests.models.small import bert, examples, gpt, recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from models.batching import Example
    from models.network import Network

RECIPE = recipe(epochs=6, batch_size=8, lr=3e-3, warmup_steps=5)
SHORT = replace(RECIPE, epochs=2, batch_size=100)


def gradients(
    network: Network, batch: list[Example], packing: Packing
) -> tuple[float, list[torch.Tensor]]:
    network.zero_grad()
    loss, _ = training.add_gradients(network, batch, packing, "fp32")
    return float(loss), [p.grad.clone() for p in network.parameters() if p.grad is not None]


@pytest.mark.parametrize("compound", [True, False])
def test_micro_batches_add_up_to_the_batch(compound: bool) -> None:
    network = (bert(dropout=0.0) if compound else gpt()).eval()
    batch = examples(13, seed=1, compound=compound)
    loss, whole = gradients(network, batch, Packing(max_rows=10**6, multiple=16))
    for packing in (Packing(1, 1), Packing(30, 3, longest=16)):
        other_loss, parts = gradients(network, batch, packing)
        assert other_loss == pytest.approx(loss, rel=1e-5)
        for one, other in zip(whole, parts, strict=True):
            assert torch.linalg.norm(one - other) <= 1e-5 * torch.linalg.norm(one) + 1e-8


def test_the_loss_is_the_mean_over_the_batchs_labels() -> None:
    network = bert(tasks=(), dropout=0.0).eval()
    batch = examples(6, seed=2)
    losses = []
    for example in batch:
        (one,) = micro_batches([example], Packing(longest=16))
        logits = network(one)["emotion"]
        losses.append(torch.nn.functional.cross_entropy(logits, one.targets["emotion"]).item())
    loss, _ = training.add_gradients(network, batch, Packing(longest=16), "fp32")
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


def test_losses_and_gradients_are_those_of_equation_3() -> None:
    network, batch = bert(dropout=0.0).eval(), examples(13, seed=1)
    with torch.no_grad():
        network.weights.scales.copy_(torch.tensor([0.7, 1.9, 1.3]))
    loss, found = gradients(network, batch, Packing(30, 3, longest=16))
    network.zero_grad()
    (whole,) = micro_batches(batch, Packing(10**6, 16, longest=16))
    logits = network(whole)
    terms = [
        torch.nn.functional.cross_entropy(logits[task], whole.targets[task], ignore_index=-1)
        / (2 * scale)
        + torch.log1p(scale**2)
        for task, scale in zip(network.weights.tasks, network.weights.scales, strict=True)
    ]
    assert len(terms) == 3
    torch.autograd.backward(torch.stack(terms).sum())
    assert loss == pytest.approx(sum(term.item() for term in terms), rel=1e-5)
    expected = [p.grad for p in network.parameters() if p.grad is not None]
    for one, other in zip(found, expected, strict=True):
        assert torch.linalg.norm(one - other) <= 1e-5 * torch.linalg.norm(other) + 1e-8


def test_a_batch_without_any_key_learns_from_the_rest() -> None:
    batch = [replace(e, targets={**e.targets, "key": -1}) for e in examples(4, seed=1)]
    loss, found = gradients(bert(), batch, Packing(longest=16))
    assert math.isfinite(loss)
    assert all(gradient.isfinite().all() for gradient in found)
    assert any(gradient.any() for gradient in found)


def test_the_precision_asked_for_is_computed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.precision.has_amx", lambda: True)
    network, batch = bert(dropout=0.0).eval(), examples(6, seed=2)
    packing = Packing(longest=16)
    full = float(training.add_gradients(network, batch, packing, "fp32")[0])
    half = float(training.add_gradients(network, batch, packing, "bf16")[0])
    assert full != half
    assert half == pytest.approx(full, rel=0.02)


def test_weights_decay_and_the_tasks_scales_do_not() -> None:
    network = bert()
    decayed, free = training.new_optimiser(network, recipe(weight_decay=0.3)).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    assert [id(p) for p in free["params"]] == [id(network.weights.scales)]
    assert decayed["betas"] == free["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_it_learns_as_well_as_its_history_says(precision: training.Precision) -> None:
    network, valid = bert(), examples(40, seed=4)
    how = recipe(epochs=8, batch_size=8, lr=3e-3, warmup_steps=5, precision=precision)
    history = train(network, examples(80, seed=3), valid, how, seed=0, progress=silent)
    assert history.best_macro_f1 > 0.8
    assert len(history.epochs) <= 8
    best = max(epoch["valid_macro_f1"] for epoch in history.epochs)
    assert history.epochs[history.best_epoch - 1]["valid_macro_f1"] == best
    clips = np.array([example.clip for example in valid])
    labels = [i % 4 for i in range(40)]
    final = score(labels, mean_by_clip(predict(network, valid, precision), clips))
    assert final.macro_f1 == pytest.approx(history.best_macro_f1)


def test_the_history_has_each_tasks_loss_over_what_it_has_labels_of() -> None:
    data = examples(20, seed=1)
    network = bert(dropout=0.0)
    expected: dict[str, float] = {}
    for task in ("emotion", "key", "velocity"):
        losses = []
        for example in data:
            (one,) = micro_batches([example], Packing(longest=16))
            logits, labels = network(one)[task], one.targets[task]
            known = labels >= 0
            log_p = torch.log_softmax(logits[known], dim=1)
            losses += (-log_p[range(len(log_p)), labels[known]]).tolist()
        expected[f"train_{task}_loss"] = np.mean(losses)

    how = recipe(epochs=1, batch_size=7, lr=0.0)
    (epoch,) = train(network, data, data, how, seed=0, progress=silent).epochs
    assert {name: epoch[name] for name in expected} == pytest.approx(expected, abs=2e-5)


def test_a_task_alone_has_the_loss_and_one_without_labels_none() -> None:
    data, how = examples(20, seed=1), recipe(epochs=1, batch_size=7, lr=0.0)
    (epoch,) = train(bert(tasks=()), data, data, how, seed=0, progress=silent).epochs
    assert epoch["train_emotion_loss"] == pytest.approx(epoch["train_loss"], abs=2e-5)
    unknown = [replace(example, targets={**example.targets, "key": -1}) for example in data]
    (epoch,) = train(bert(), unknown, unknown, how, seed=0, progress=silent).epochs
    losses = {name for name in epoch if name.endswith("_loss")}
    assert losses == {"train_loss", "train_emotion_loss", "train_velocity_loss"}


def test_a_seed_decides_everything_and_no_generator_is_touched() -> None:
    state = torch.random.get_rng_state()
    results = []
    for seed in (0, 0, 1):
        torch.rand(int(10 * len(results)))  # the outside world moves on
        state = torch.random.get_rng_state()
        network = bert()
        train(
            network, examples(20, seed=5), examples(8, seed=6), RECIPE, seed=seed, progress=silent
        )
        assert torch.equal(torch.random.get_rng_state(), state)
        results.append(predict(network, examples(8, seed=6), "fp32"))
    np.testing.assert_array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])


def test_without_improvement_training_stops_after_three_tenths_of_the_epochs() -> None:
    how = recipe(epochs=20, batch_size=8, lr=0.0)
    history = train(bert(), examples(8, seed=7), examples(8, seed=8), how, seed=0, progress=silent)
    assert history.best_epoch == 1
    assert len(history.epochs) == 1 + 6


@pytest.mark.parametrize(
    ("patience", "epochs_run"), [(0.01, 2), (0.25, 3), (0.3, 4), (0.39, 4), (0.5, 6), (1, 10)]
)
def test_training_stops_when_no_epoch_has_been_better_for_a_share_of_them(
    patience: float, epochs_run: int
) -> None:
    how = recipe(epochs=10, batch_size=8, lr=0.0, patience=patience)  # the first stays best
    history = train(bert(), examples(8, seed=1), examples(8, seed=2), how, seed=0, progress=silent)
    assert history.best_epoch == 1
    assert len(history.epochs) == epochs_run


class InterruptionError(Exception):
    """As if the process had been killed."""


@pytest.mark.parametrize("every", [1, 3])
def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_stopped(
    every: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = itertools.count()
    monkeypatch.setattr(training._State, "is_due", lambda _: next(epochs) % every == 0)
    data, valid = examples(20, seed=9), examples(12, seed=10)
    how = recipe(epochs=12, batch_size=8, lr=3e-3, warmup_steps=5)  # never fewer than 4
    whole = bert()
    expected = train(whole, data, valid, how, seed=3, progress=silent)

    def stop_at(share: float) -> training.Progress:
        def progress(fraction: float, note: str = "") -> None:
            del note
            if fraction > share:
                raise InterruptionError

        return progress

    resumed = bert()
    for share in (0.1, 0.26):
        with pytest.raises(InterruptionError):
            train(resumed, data, valid, how, seed=3, progress=stop_at(share), scratch=tmp_path)
        resumed = bert()  # a new process
    fractions: list[float] = []
    history = train(
        resumed,
        data,
        valid,
        how,
        seed=3,
        scratch=tmp_path,
        progress=lambda fraction, _note="": fractions.append(fraction),
    )
    assert min(fractions) > (0.25 if every == 1 else 1 / how.epochs)
    assert history == expected
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_a_state_that_is_slow_to_save_is_saved_a_tenth_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    saved_after: list[int] = []

    def save_slowly(_: Path, state: Mapping[str, Any]) -> None:
        nonlocal now
        now += 100
        saved_after.append(len(state["history"]["epochs"]))

    def pass_time(_: float, note: str = "") -> None:
        del note
        nonlocal now
        now += 300

    monkeypatch.setattr(training, "write_state", save_slowly)
    monkeypatch.setattr(training, "time", SimpleNamespace(monotonic=lambda: now))
    how = replace(RECIPE, batch_size=100, patience=1)  # a step an epoch
    data = examples(8, seed=9)
    train(bert(), data, data, how, seed=3, progress=pass_time, scratch=tmp_path)
    assert saved_after == [1, 5]


def test_the_state_of_another_run_is_not_gone_on_from(tmp_path: Path) -> None:
    data, valid = examples(8, seed=9), examples(8, seed=10)
    train(bert(), data, valid, RECIPE, seed=3, progress=silent, scratch=tmp_path)
    fractions: list[float] = []
    train(
        bert(),
        data,
        valid,
        RECIPE,
        seed=4,
        scratch=tmp_path,
        progress=lambda fraction, _note="": fractions.append(fraction),
    )
    assert min(fractions) < 0.2


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _flip(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _of_another_network(_: bytes) -> bytes:
    weights = {name: weights[:1] for name, weights in bert().state_dict().items() if weights.dim()}
    state = {"run": {**asdict(SHORT), "seed": 3}, "network": weights, "best_weights": weights}
    file = io.BytesIO()
    torch.save({**state, "history": asdict(History())}, file)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage", [_cut, _flip, _of_another_network, lambda _: b"", lambda _: b"?"]
)
def test_a_damaged_state_is_thrown_away(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    data, valid = examples(8, seed=9), examples(8, seed=10)
    expected, state = bert(), tmp_path / "training.pt"
    train(expected, data, valid, SHORT, seed=3, progress=silent, scratch=tmp_path)
    state.write_bytes(damage(state.read_bytes()))
    fractions: list[float] = []
    network = bert()
    train(
        network,
        data,
        valid,
        SHORT,
        seed=3,
        scratch=tmp_path,
        progress=lambda fraction, _note="": fractions.append(fraction),
    )
    assert min(fractions) == 0.5  # the first of two epochs, of one step each
    for name, tensor in expected.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name]), name
    assert zipfile.ZipFile(state).testzip() is None


def test_training_goes_on_where_its_state_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    data = examples(8, seed=9)
    with pytest.warns(UserWarning, match="epoch not kept.*No space left on device"):
        history = train(bert(), data, data, SHORT, seed=3, progress=silent, scratch=tmp_path)
    assert len(history.epochs) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_was_writing_does_not_pile_up(tmp_path: Path) -> None:
    data = examples(8, seed=9)
    (tmp_path / ".training.pt.killed").write_bytes(b"half a state")
    train(bert(), data, data, SHORT, seed=3, progress=silent, scratch=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


def test_a_clips_probabilities_are_the_mean_of_its_segments() -> None:
    values = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 0.0]])
    clips = np.array([2, 2, 7, 7])
    np.testing.assert_allclose(mean_by_clip(values, clips), [[0.5, 0.5], [0.25, 0.25]])


def test_predictions_are_those_of_each_example_alone() -> None:
    network, batch = bert(), examples(9, seed=11)
    together = predict(network, batch, "fp32")
    alone = np.concatenate([predict(network, [example], "fp32") for example in batch])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert math.isclose(together.sum(), len(batch))
