from __future__ import annotations

import numpy as np
import torch

from models.batching import Example, Packing, micro_batches
from models.heads import AttentionPooling, Classifier, LastToken, TokenClassifier

WIDTH = 6


def test_attention_pooling_is_its_formula() -> None:
    """Softmax(W2 tanh(W1 h)) over the tokens, averages one after the other."""
    pooling = AttentionPooling(WIDTH, hidden=5, averages=2)
    examples = [Example(i, np.zeros(n), {}) for i, n in enumerate([7, 4, 4, 1])]
    (batch,) = micro_batches(examples, Packing(multiple=7))
    hidden = torch.randn(len(batch.tokens), WIDTH)
    pooled = pooling(hidden, batch)
    assert pooled.shape == (4, pooling.width) == (4, 2 * WIDTH)
    sequences = torch.split(hidden[batch.real], [len(examples[i]) for i in batch.order])
    for row, states in zip(pooled, sequences, strict=True):
        weights = (torch.tanh(states @ pooling.inner.weight.T) @ pooling.outer.weight.T).softmax(0)
        torch.testing.assert_close(row, (weights.T @ states).flatten())


def test_what_stands_in_padding_changes_no_pooled_vector() -> None:
    examples = [Example(i, np.zeros(n), {}) for i, n in enumerate([5, 2])]
    (batch,) = micro_batches(examples, Packing(multiple=5))
    hidden = torch.randn(len(batch.tokens), WIDTH)
    changed = torch.full_like(hidden, 1e4)
    changed[batch.real] = hidden[batch.real]
    for pooling in (AttentionPooling(WIDTH), LastToken(WIDTH)):
        assert torch.equal(pooling(hidden, batch), pooling(changed, batch))


def test_the_last_token_is_the_last_real_one() -> None:
    examples = [Example(i, np.zeros(n), {}) for i, n in enumerate([5, 2])]
    (batch,) = micro_batches(examples, Packing(multiple=5))
    hidden = torch.arange(10.0)[:, None]
    assert LastToken(1)(hidden, batch).flatten().tolist() == [4.0, 6.0]


def test_sizes_are_midibert_pianos() -> None:
    pooling = AttentionPooling(WIDTH)
    assert (pooling.inner.weight.shape, pooling.outer.weight.shape) == ((128, WIDTH), (4, 128))
    assert pooling.width == 4 * WIDTH
    assert sum(p.numel() for p in pooling.parameters()) == 128 * WIDTH + 4 * 128  # no biases
    n = (WIDTH + 1) * 256 + (256 + 1) * 3
    for classifier in (Classifier(WIDTH, 3), TokenClassifier(WIDTH, 3, 0.1)):
        assert sum(p.numel() for p in classifier.parameters()) == n


def test_of_the_classifiers_that_of_tokens_alone_drops_anything() -> None:
    x = torch.randn(50, WIDTH)
    for classifier, drops in (
        (Classifier(WIDTH, 3), False),
        (TokenClassifier(WIDTH, 3, 0.5), True),
    ):
        assert torch.equal(classifier(x), classifier(x)) != drops
        assert torch.equal(classifier.eval()(x), classifier(x))


def test_classifiers_have_two_linear_layers_with_relu_between() -> None:
    for classifier in (Classifier(WIDTH, 3), TokenClassifier(WIDTH, 3, 0.1).eval()):
        linear = [part for part in classifier if isinstance(part, torch.nn.Linear)]
        first, second = linear
        x = torch.randn(2, WIDTH)
        torch.testing.assert_close(classifier(x), second(first(x).clamp(min=0)))
