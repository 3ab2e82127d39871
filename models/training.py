"""Fine-tuning as the paper states it.

AdamW, a linear schedule with warm-up, batches of 16, early stopping on the valid set's macro-F1,
and the weights of the best epoch. The paper's word for the valid set is "validation"; its clips
are scored like the test set's, by the mean of their segments' probabilities.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.errors import UserError
from models.batching import Packing, label_counts, micro_batches, shuffled_batches
from models.evaluation import validate
from models.memory import keep_freed_memory, return_freed_memory
from models.multitask import loss_sums
from models.precision import autocast
from models.states import read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.methods import Progress
    from models.batching import Example
    from models.network import Network
    from models.precision import Precision

#: Warm-up takes at most this share of all steps. It shortens only runs of fewer than 5,000 steps
#: (with 500 steps of warm-up), so none of the paper's.
_WARMUP_SHARE = 0.1

_STATE_FILE = "training.pt"
_QUICK = 1.0  # seconds that a save may take after each epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train. `NeuralMethod` has the defaults."""

    epochs: int  # at most
    batch_size: int  # examples in an optimiser step
    lr: float
    weight_decay: float
    warmup_steps: int
    patience: float  # share of the epochs without a better one after which training stops
    precision: Precision


@dataclass(slots=True)
class History:
    """How training went."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0  # counted from 1
    best_macro_f1: float = -1.0


def train(
    network: Network,
    training: Sequence[Example],
    valid: Sequence[Example],
    recipe: Recipe,
    *,
    seed: int,
    progress: Progress,
    scratch: Path | None = None,
) -> History:
    """Train `network` in place; in the end it has the weights of its best epoch.

    Args:
        network: on the device to train on.
        training: labelled examples.
        valid: labelled examples; the epoch with the best macro-F1 of their clips wins, the
            earliest among equals.
        recipe: how.
        seed: of the order of examples and of dropout. Generators are left as they were found.
        progress: told of every optimiser step.
        scratch: a folder where the state is kept after each epoch; where that takes over a
            second, so that nine times as long lies between two. A run that finds the state of an
            interrupted one there goes on from it, and ends as if it had not stopped; it begins
            anew if the state is damaged.
    """
    device = next(network.parameters()).device
    if device.type == "cpu":
        keep_freed_memory()
    packing = Packing.for_device(device, network.backbone.config.max_length)
    counts = label_counts(training)
    steps_per_epoch = math.ceil(len(training) / recipe.batch_size)
    optimiser = new_optimiser(network, recipe)
    schedule = _schedule(optimiser, recipe, steps_per_epoch * recipe.epochs)
    history = History()
    best_weights = copy.deepcopy(network.state_dict())
    patience = max(1, math.floor(recipe.patience * recipe.epochs))
    resumable = _State(scratch, {**asdict(recipe), "seed": seed})
    if state := resumable.load(network):
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        best_weights = state["best_weights"]
        history = History(**state["history"])

    while (epoch := len(history.epochs)) < min(recipe.epochs, history.best_epoch + patience):
        # Each epoch draws from generators of its own, so that going on needs no generator's state.
        epoch_seed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
        order = torch.Generator().manual_seed(epoch_seed)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(epoch_seed)
            # Of the loss, and each task's, on the device, so that no step is waited for.
            totals = torch.zeros(1 + len(network.heads), dtype=torch.float64, device=device)
            network.train()
            for i, batch in enumerate(shuffled_batches(training, recipe.batch_size, order)):
                loss, sums = add_gradients(network, batch, packing, recipe.precision)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)
                network.weights.keep_positive()
                totals += torch.stack([loss * len(batch), *sums.values()])
                done = (epoch + (i + 1) / steps_per_epoch) / recipe.epochs
                best = f", best macro-F1 {history.best_macro_f1:.3f}" if epoch else ""
                progress(done, f"epoch {epoch + 1}{best}")
        scores, auxiliary = validate(network, valid, recipe.precision)
        total, *sums_of_tasks = totals.tolist()
        of_tasks = zip(network.heads, sums_of_tasks, strict=True)
        history.epochs.append(
            {
                "train_loss": round(total / len(training), 5),
                **{f"train_{t}_loss": round(s / counts[t], 5) for t, s in of_tasks if counts[t]},
                "valid_accuracy": round(scores.accuracy, 5),
                "valid_macro_f1": round(scores.macro_f1, 5),
                **{f"valid_{t}_accuracy": round(share, 5) for t, share in auxiliary.items()},
                **{f"scale_{t}": round(s, 5) for t, s in network.weights.values().items()},
            }
        )
        if scores.macro_f1 > history.best_macro_f1:
            history.best_epoch, history.best_macro_f1 = epoch + 1, scores.macro_f1
            best_weights = copy.deepcopy(network.state_dict())
        if resumable.is_due():
            resumable.save(
                network=network.state_dict(),
                optimiser=optimiser.state_dict(),
                schedule=schedule.state_dict(),
                best_weights=best_weights,
                history=asdict(history),
            )
        if device.type == "cpu":
            return_freed_memory()
    network.load_state_dict(best_weights)
    return history


def add_gradients(
    network: Network, batch: Sequence[Example], packing: Packing, precision: Precision
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Add the gradients of one batch, an optimiser step's worth, to the parameters'.

    However `packing` cuts the batch into micro-batches, it comes to the same without dropout,
    whose masks are drawn micro-batch by micro-batch.

    Returns:
        The batch's loss, and each task's cross-entropy, summed over the labels: detached numbers.
    """
    device = next(network.parameters()).device
    counts = label_counts(batch)
    total = torch.zeros((), device=device)
    task_totals = dict.fromkeys(network.heads, total)
    for micro in micro_batches(batch, packing):
        moved = micro.to(device)
        with autocast(device, precision):
            logits = network(moved)
        sums = loss_sums(logits, moved.targets)
        # A batch without a single label of a task, such as a key, has a sum of 0 for it.
        loss = network.weights.weighted({t: s / max(counts[t], 1) for t, s in sums.items()})
        torch.autograd.backward(loss)
        total = total + loss.detach()
        task_totals = {t: s + sums[t].detach() for t, s in task_totals.items()}
    penalty = network.weights.penalty()
    if penalty.requires_grad:
        torch.autograd.backward(penalty)
    return total + penalty.detach(), task_totals


def new_optimiser(network: Network, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW, without decay of the tasks' scales."""
    scales = list(network.weights.parameters())
    others = [p for p in network.parameters() if all(p is not scale for scale in scales)]
    groups = [
        {"params": others, "weight_decay": recipe.weight_decay},
        {"params": scales, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.999), fused=True)


def _schedule(
    optimiser: torch.optim.Optimizer, recipe: Recipe, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear from 0 up to `lr`, then down, to 0 one step after the last that could be taken."""
    warmup = min(recipe.warmup_steps, int(_WARMUP_SHARE * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return step / warmup
        return (steps - step) / max(steps - warmup, 1)

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


class _State:
    """The state of an interrupted run, in a folder or nowhere."""

    def __init__(self, scratch: Path | None, run: dict[str, Any]) -> None:
        self.file = scratch / _STATE_FILE if scratch else None
        self.run = run
        self._saved_at = 0.0
        self._seconds = 0.0  # that the last save took

    def is_due(self) -> bool:
        """Whether to save: always while it is quick, else so that it takes a tenth of the time.

        On a GPU an epoch at the paper's size takes less than to write its state of 1.4 GB.
        """
        if self.file is None:
            return False
        since = time.monotonic() - self._saved_at
        return self._seconds < _QUICK or since > 9 * self._seconds

    def load(self, network: Network) -> dict[str, Any] | None:
        """The saved state; None if there is none of this very run and network, or no whole one."""
        try:
            state = read_state(self.file) if self.file else None
        except ValueError:
            return None
        if state is None or state.pop("run", None) != self.run:
            return None
        fits = all(
            _shapes(state[weights]) == _shapes(network.state_dict())
            for weights in ("network", "best_weights")
        )
        return state if fits else None

    def save(self, **state: Any) -> None:
        """Replace the saved state, in one stroke. Training goes on where that cannot be done."""
        if self.file is None:
            return
        began = time.monotonic()
        try:
            write_state(self.file, {"run": self.run, **state})
        except UserError as error:
            warnings.warn(f"epoch not kept, to go on from: {error}", stacklevel=2)
        self._saved_at = time.monotonic()
        self._seconds = self._saved_at - began


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}
