"""A backbone with its pooling and a head for each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from models.heads import Classifier, TokenClassifier
from models.multitask import EMOTION, TASKS, TaskWeights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from models.backbones import Backbone
    from models.batching import MicroBatch
    from models.heads import AttentionPooling, LastToken
    from models.multitask import LossForm


class Network(nn.Module):
    """Emotion and, beside it, the auxiliary tasks; those of a sequence share its pooled vector.

    Args:
        backbone: what turns rows of tokens into hidden states.
        pooling: what makes one vector of a sequence's.
        tasks: auxiliary ones, names in `TASKS`.
        loss: how losses are weighted (`TaskWeights`).
    """

    backbone: Backbone
    pooling: AttentionPooling | LastToken

    def __init__(
        self,
        backbone: Backbone,
        pooling: AttentionPooling | LastToken,
        tasks: Sequence[str] = (),
        loss: LossForm = "printed",
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.pooling = pooling
        self.heads = nn.ModuleDict()
        for name in (EMOTION, *tasks):
            task = TASKS[name]
            self.heads[name] = (
                TokenClassifier(backbone.width, task.classes, backbone.config.dropout)
                if task.of_tokens
                else Classifier(pooling.width, task.classes)
            )
        self.weights = TaskWeights((EMOTION, *tasks), loss)

    def forward(self, batch: MicroBatch, tasks: Sequence[str] = ()) -> dict[str, Tensor]:
        """Logits by task: (n_sequences, classes), or (n_tokens, classes) for tasks of tokens.

        Args:
            batch: the rows.
            tasks: the tasks wanted; all when empty.
        """
        hidden = self.backbone.rows(batch.tokens, batch.blocks)
        pooled = self.pooling(hidden, batch)
        return {
            name: head(hidden[batch.real] if TASKS[name].of_tokens else pooled)
            for name, head in self.heads.items()
            if name in (tasks or self.heads)
        }
