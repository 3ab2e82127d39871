from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.scoring import score
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.batching import Example, Packing, micro_batches
from models.evaluation import mean_by_clip, predict, validate
from models.heads import AttentionPooling
from models.network import Network


@pytest.fixture
def network() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = MidiBertConfig(width=16, layers=1, heads=2, inner=32, embedding=4, max_length=8)
        return Network(MidiBert(config), AttentionPooling(16), ["key", "velocity"])


def examples(n: int = 30) -> list[Example]:
    """Segments of clips, two of every third; some labels are unknown."""
    rng = np.random.default_rng(0)
    made = []
    for clip in range(n):
        for _ in range(1 + (clip % 3 == 0)):
            length = int(rng.integers(1, 9))
            targets = {
                "emotion": clip % 4,
                "key": int(rng.integers(-1, 24)),
                "velocity": rng.integers(-1, 6, length),
            }
            made.append(Example(clip, rng.integers(0, 2, (length, 4)), targets))
    return made


def test_validation_scores_clips_and_counts_what_is_right_of_other_tasks(network: Network) -> None:
    data = examples()
    scores, shares = validate(network, data, "fp32")
    clips = np.array([example.clip for example in data])
    probabilities = mean_by_clip(predict(network, data, "fp32"), clips)
    assert scores == score([clip % 4 for clip in range(30)], probabilities)

    told: dict[str, list[bool]] = {"key": [], "velocity": []}
    with torch.inference_mode():
        for example in data:  # one by one
            (micro,) = micro_batches([example], Packing(multiple=1))
            for task, right in told.items():
                answers = network(micro)[task].argmax(1).tolist()
                labels = np.atleast_1d(example.targets[task]).tolist()
                known = [(a, b) for a, b in zip(answers, labels, strict=True) if b >= 0]
                right += [a == b for a, b in known]
    assert shares == {task: pytest.approx(np.mean(right)) for task, right in told.items()}


def test_the_precision_asked_for_is_computed_in(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    monkeypatch.setattr("models.precision.has_amx", lambda: True)
    full, half = predict(network, examples(), "fp32"), predict(network, examples(), "bf16")
    assert not np.array_equal(full, half)
    np.testing.assert_allclose(half, full, atol=0.02)


def test_a_task_without_a_label_has_no_share(network: Network) -> None:
    unknown = [Example(e.clip, e.tokens, {**e.targets, "key": -1}) for e in examples()]
    assert validate(network, unknown, "fp32")[1].keys() == {"velocity"}
