"""The training loop: steps that are functions of the seed and their number, and a state on disk.

Nothing random is carried from one step to the next, so the state of a run is its weights and the
optimiser's sums; a run that was killed goes on from the last saved state and draws, masks and drops
what it would have drawn, masked and dropped.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.errors import UserError, WorkError
from models.batching import Packing, micro_batches
from models.memory import keep_freed_memory
from models.precision import autocast
from models.pretraining.objectives import n_targets
from models.pretraining.windows import Windows
from models.states import read_state, write_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from models.batching import Example
    from models.precision import Precision
    from models.pretraining.augmentation import Augmentation
    from models.pretraining.objectives import Objective
    from models.pretraining.pieces import Pieces

#: Held-out tokens that the validation loss is measured on.
_VALID_TOKENS = 1 << 16
_VALID_SEED = 0  # of its masks, the same in every run
_CLIP = 1.0  # norm that a step's gradient is clipped to
_BETAS = (0.9, 0.98)  # as usual for pre-training; fine-tuning has the paper's
#: CPU caches hold a micro-batch of so many tokens; larger ones are slower.
_CPU_ROWS = 4096
_TIMED_STEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to pre-train. Two runs of one recipe on the same pieces give the same weights."""

    steps: int
    batch_tokens: int
    window: int  # tokens of a sequence, at most
    lr: float
    warmup_steps: int
    weight_decay: float = 0.01
    precision: Precision
    seed: int
    augmentation: Augmentation

    def lr_at(self, step: int) -> float:
        """Linear up over `warmup_steps` (at most a tenth of all), then linear down to 0."""
        warmup = min(self.warmup_steps, self.steps // 10)
        if step < warmup:
            return self.lr * (step + 1) / warmup
        return self.lr * (self.steps - step) / max(self.steps - warmup, 1)


@dataclass(slots=True)
class Progressed:
    """How far training has come; losses are means over a token."""

    step: int = 0
    tokens: int = 0  # seen so far
    loss: float = float("nan")  # of the steps since the last entry
    valid_loss: float = float("nan")
    tokens_per_second: float = 0.0


@dataclass(slots=True)
class _Clock:
    tokens: int = 0
    loss: float = 0.0
    steps: int = 0
    began: float = field(default_factory=time.monotonic)


class Pretraining:
    """One run over some pieces."""

    def __init__(self, objective: Objective, learned: Pieces, held: Pieces, recipe: Recipe) -> None:
        self.objective = objective
        self.recipe = recipe
        self.device = next(objective.parameters()).device
        self.packing = Packing.for_device(self.device, objective.backbone.config.max_length)
        if self.device.type == "cpu":
            keep_freed_memory()
            self.packing = replace(self.packing, max_rows=_CPU_ROWS)
        self.windows = Windows(learned, recipe.window, recipe.seed)
        held_windows = Windows(held, recipe.window, _VALID_SEED)
        self._valid = self.objective.examples(
            [w.astype(np.int64) for w in held_windows.spread(_VALID_TOKENS // recipe.window)],
            np.random.default_rng(_VALID_SEED),
        )
        # Norms, biases and embeddings are not decayed, as usual.
        tables = {m.weight for m in objective.modules() if isinstance(m, torch.nn.Embedding)}
        decayed = [p for p in objective.parameters() if p.dim() > 1 and p not in tables]
        others = [p for p in objective.parameters() if p.dim() <= 1 or p in tables]
        self.optimiser = torch.optim.AdamW(
            [
                {"params": decayed, "weight_decay": recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=recipe.lr,
            betas=_BETAS,
            fused=True,
        )
        self.history: list[Progressed] = []
        self.step = 0
        self.tokens = 0

    @property
    def windows_per_step(self) -> int:
        """Sequences in an optimiser step."""
        return max(self.recipe.batch_tokens // self.recipe.window, 1)

    def run(self, every: int, tell: Callable[[Progressed], None], state: State) -> None:
        """All steps that are left.

        Args:
            every: after how many steps the state is saved and the validation loss measured.
            tell: told after every step; `valid_loss` is the last one measured.
            state: where the run is kept.

        Raises:
            WorkError: the run diverged; its state is gone, as it leads nowhere else.
        """
        clock = _Clock()
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            while self.step < self.recipe.steps:
                loss, tokens = self.take_step()
                clock.loss += loss
                clock.tokens += tokens
                clock.steps += 1
                speed = clock.tokens / (time.monotonic() - clock.began)
                valid = self.history[-1].valid_loss if self.history else float("nan")
                now = Progressed(self.step, self.tokens, clock.loss / clock.steps, valid, speed)
                look = self.step % every == 0 or self.step == self.recipe.steps
                if look:
                    now.valid_loss = self.valid_loss()
                if not math.isfinite(loss) or (look and not self._is_sound(now.valid_loss)):
                    state.delete()
                    raise WorkError(
                        f"training diverged: at step {self.step:,} of {self.recipe.steps:,} the "
                        f"loss or a weight is not finite; lower --lr (it is {self.recipe.lr:g})"
                    )
                if look:
                    self.history.append(now)
                    state.save(self)
                    clock = _Clock()
                tell(now)

    def take_step(self) -> tuple[float, int]:
        """One optimiser step; its loss and how many tokens it saw."""
        recipe = self.recipe
        seeds = np.random.SeedSequence([recipe.seed, self.step])
        random = np.random.default_rng(seeds)
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        first = self.step * self.windows_per_step
        windows = [
            recipe.augmentation.apply(
                self.windows.read(i).astype(np.int64), self.objective.words, random
            )
            for i in range(first, first + self.windows_per_step)
        ]
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.lr_at(self.step)
        self.objective.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._losses(self.objective.examples(windows, random), learn=True)
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), _CLIP)
        self.optimiser.step()
        n_tokens = sum(map(len, windows))
        self.step += 1
        self.tokens += n_tokens
        return loss, n_tokens

    def valid_loss(self) -> float:
        """Mean over held-out tokens; not a number where no piece is held out."""
        if not self._valid:
            return float("nan")
        self.objective.eval()
        with torch.no_grad():
            return self._losses(self._valid, learn=False)

    def _is_sound(self, valid_loss: float) -> bool:
        """Whether the weights are worth keeping: the last step's loss was of those before it."""
        if self._valid and not math.isfinite(valid_loss):
            return False
        return all(bool(p.isfinite().all()) for p in self.objective.parameters())

    def seconds_per_step(self) -> float:
        """How long a step takes here, from a few that are taken back afterwards."""
        kept = {n: t.clone() for n, t in self.objective.state_dict().items()}
        times = []
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            for _ in range(_TIMED_STEPS):
                begin = time.monotonic()
                self.take_step()
                times.append(time.monotonic() - begin)
        self.objective.load_state_dict(kept)
        self.optimiser.state.clear()
        self.step = self.tokens = 0
        return float(np.median(times[1:]))

    def _losses(self, examples: Sequence[Example], *, learn: bool) -> float:
        count = max(n_targets(examples), 1)
        total = torch.zeros((), device=self.device)
        for micro in micro_batches(examples, self.packing):
            with autocast(self.device, self.recipe.precision):
                loss = self.objective.loss_sum(micro.to(self.device)) / count
            if learn:
                torch.autograd.backward(loss)
            total += loss.detach()
        return float(total)


class State:
    """The state of an unfinished run, in one file.

    Args:
        file: where.
        run: what identifies the run (JSON values): another run's state is never taken up.
    """

    def __init__(self, file: Path, run: dict[str, Any]) -> None:
        self.file = file
        self.run = run

    def load(self) -> dict[str, Any] | None:
        """The saved state; None if there is none.

        Raises:
            UserError: the file is another run's, or damaged.
        """
        try:
            state = read_state(self.file)
        except ValueError as error:
            raise UserError(f"{error}; delete it to begin anew") from error
        if state is None:
            return None
        run = state.get("run", {})
        differs = sorted(k for k in self.run if run.get(k) != self.run[k])
        if differs:
            raise UserError(
                f"{self.file}: the state of an unfinished run with another {differs[0]} "
                f"({run.get(differs[0])}); delete it, or write to another file"
            )
        return state

    def restore(self, state: dict[str, Any], training: Pretraining) -> None:
        """Go on where the saved run stopped."""
        training.objective.load_state_dict(state["objective"])
        training.optimiser.load_state_dict(state["optimiser"])
        training.step, training.tokens = state["step"], state["tokens"]
        training.history = [Progressed(**entry) for entry in state["history"]]

    def save(self, training: Pretraining) -> None:
        """Replace the saved state, in one stroke."""
        write_state(
            self.file,
            {
                "run": self.run,
                "steps": training.recipe.steps,
                "step": training.step,
                "tokens": training.tokens,
                "history": [asdict(entry) for entry in training.history],
                "objective": training.objective.state_dict(),
                "optimiser": training.optimiser.state_dict(),
            },
        )

    def delete(self) -> None:
        """The run is done."""
        self.file.unlink(missing_ok=True)
