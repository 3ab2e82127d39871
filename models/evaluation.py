"""What a network says of examples, and how right it is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.labels import N_QUADRANTS
from bench.scoring import score
from models.batching import Packing, label_counts, micro_batches
from models.multitask import EMOTION
from models.precision import autocast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bench.methods import FloatArray
    from bench.scoring import Scores
    from models.batching import Example, MicroBatch
    from models.network import Network
    from models.precision import Precision


def predict(network: Network, examples: Sequence[Example], precision: Precision) -> FloatArray:
    """Probabilities of Q1..Q4 for each example, shape (n_examples, 4)."""
    result = np.empty((len(examples), N_QUADRANTS))
    for batch, logits in _logits(network, examples, precision, [EMOTION]):
        result[batch.order] = _probabilities(logits)
    return result


def validate(
    network: Network, examples: Sequence[Example], precision: Precision
) -> tuple[Scores, dict[str, float]]:
    """Scores over the examples' clips, and for each other task the share of labels it gets right.

    A task is left out that the examples have no label of.
    """
    probabilities = np.empty((len(examples), N_QUADRANTS))
    right: Counter[str] = Counter()
    for batch, logits in _logits(network, examples, precision):
        probabilities[batch.order] = _probabilities(logits)
        for task, values in logits.items():  # what is unknown is never right
            right[task] += int((values.argmax(1) == batch.targets[task]).sum())
    labels = {example.clip: int(example.targets[EMOTION]) for example in examples}
    clips = np.array([example.clip for example in examples])
    counts = label_counts(examples)
    auxiliary = {t: n / counts[t] for t, n in right.items() if t != EMOTION and counts[t]}
    return score(list(labels.values()), mean_by_clip(probabilities, clips)), auxiliary


def mean_by_clip(values: FloatArray, clips: np.ndarray[Any, Any]) -> FloatArray:
    """Means of the rows of each clip; clips are numbered in the order in which they come."""
    _, index, counts = np.unique(clips, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, index, values)
    means: FloatArray = sums / counts[:, None]
    return means


def _logits(
    network: Network,
    examples: Sequence[Example],
    precision: Precision,
    tasks: Sequence[str] = (),
) -> Iterator[tuple[MicroBatch, dict[str, torch.Tensor]]]:
    """What the network says of the examples, without dropout; all tasks by default."""
    device = next(network.parameters()).device
    packing = Packing.for_device(device, network.backbone.config.max_length)
    network.eval()
    for batch in micro_batches(examples, packing):
        moved = batch.to(device)
        with torch.inference_mode(), autocast(device, precision):
            logits = network(moved, tasks)
        yield moved, logits


def _probabilities(logits: Mapping[str, torch.Tensor]) -> FloatArray:
    """Of Q1..Q4, shape (n_sequences, 4)."""
    probabilities: FloatArray = torch.softmax(logits[EMOTION].double(), dim=1).cpu().numpy()
    return probabilities
