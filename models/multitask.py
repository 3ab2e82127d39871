"""Several tasks at once: which there are, and how their losses become one (MT-SMNN, Eq. 3).

`TASKS` is all that knows a task: methods take their settings' names, labels and heads from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from bench.keys import N_KEYS, find_keys
from bench.labels import N_QUADRANTS, VELOCITY_CLASSES

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from torch import Tensor

    from bench.clips import Clip

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
    #: The class of each clip, 0..classes-1 or `UNKNOWN`, which all sequences of a clip share. None
    #: where tokens are labelled: by the encodings that name the task (`Encoding.labels`).
    of_clips: Callable[[Sequence[Clip]], list[int]] | None = None

    @property
    def of_tokens(self) -> bool:
        """Whether each token has a class of its own."""
        return self.of_clips is None


def _emotions(clips: Sequence[Clip]) -> list[int]:
    return [clip.label for clip in clips]


def _keys(clips: Sequence[Clip]) -> list[int]:
    return [UNKNOWN if key is None else key.index for key in find_keys(clips)]


EMOTION = "emotion"
#: By name, in the order in which a setting lists them: another order would be another cell.
TASKS = {
    EMOTION: Task(N_QUADRANTS, _emotions),
    "key": Task(N_KEYS, _keys),
    "velocity": Task(len(VELOCITY_CLASSES)),
}


def auxiliary_tasks(token_labels: Container[str]) -> list[str]:
    """What can be learned beside the emotion where tokens have these labels."""
    return [
        name
        for name, task in TASKS.items()
        if name != EMOTION and (not task.of_tokens or name in token_labels)
    ]


def loss_sums(logits: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each task's cross-entropy, summed over what has a label."""
    return {
        task: nn.functional.cross_entropy(
            values.float(), targets[task], ignore_index=UNKNOWN, reduction="sum"
        )
        for task, values in logits.items()
    }


class TaskWeights(nn.Module):
    """The weighted sum of the tasks' losses, with one learned scale s_t per task, at first 1.

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
