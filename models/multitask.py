"""Several tasks at once: which there are, and how their losses become one (MT-SMNN, Eq. 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from bench.labels import N_QUADRANTS, VELOCITY_CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    LossForm = Literal["printed", "liebel"]

#: The label of what has none: a clip without a key, a padded note. It counts in no loss.
UNKNOWN = -1

#: Where the learned scales stop. Far below what training reaches: it only keeps "printed", whose
#: factor 1 / (2 s) would turn negative, on the side of zero where it began.
_SMALLEST_SCALE = 0.01


@dataclass(frozen=True, slots=True)
class Task:
    """What is predicted: of a sequence, or of each of its tokens."""

    classes: int
    of_tokens: bool = False


EMOTION = "emotion"
TASKS = {
    EMOTION: Task(N_QUADRANTS),
    "key": Task(24),
    "velocity": Task(len(VELOCITY_CLASSES), of_tokens=True),
}


def loss_sums(logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each task's cross-entropy, summed over what has a label."""
    return {
        task: nn.functional.cross_entropy(
            values.float(), targets[task], ignore_index=UNKNOWN, reduction="sum"
        )
        for task, values in logits.items()
    }


class TaskWeights(nn.Module):
    """The weighted sum of the tasks' losses, with one learned scale s_t a task, at first 1.

    - "printed", the default: the sum of L_t / (2 s_t) + ln(1 + s_t^2), Eq. 3 as it is printed;
    - "liebel": the sum of L_t / (2 s_t^2) + ln(1 + s_t^2), as in the source that it cites (Liebel
      and Körner 2018).

    One task alone has no scale: its loss is L.
    """

    def __init__(self, tasks: Sequence[str], form: LossForm = "printed") -> None:
        super().__init__()
        self.tasks = tuple(tasks)
        self.form = form
        self.scales = nn.Parameter(torch.ones(len(tasks) if len(tasks) > 1 else 0))

    def weighted(self, losses: Mapping[str, Tensor]) -> Tensor:
        """The part that depends on the losses; linear in them, so parts of a batch add up."""
        stacked = torch.stack([losses[task] for task in self.tasks])
        if not len(self.scales):
            return stacked.sum()
        scales = self.scales if self.form == "printed" else self.scales**2
        return (stacked / (2 * scales)).sum()

    def penalty(self) -> Tensor:
        """The part that keeps the scales from growing: once a batch."""
        return torch.log1p(self.scales**2).sum()

    @torch.no_grad()
    def keep_positive(self) -> None:
        """After an optimiser step: no scale reaches zero."""
        self.scales.clamp_(min=_SMALLEST_SCALE)

    def values(self) -> dict[str, float]:
        """The scales by task; none for one task alone."""
        return dict(zip(self.tasks, self.scales.tolist(), strict=False))
