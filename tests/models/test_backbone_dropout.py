from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from models.attention import Block
from models.backbones import midibert, midigpt
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.midigpt import MidiGpt, MidiGptConfig
from models.dropout import Dropout

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

BERT = MidiBertConfig(
    width=24, layers=2, heads=3, inner=40, embedding=8, max_length=20, dropout=0.3
)
GPT = MidiGptConfig(
    width=24, layers=2, heads=3, inner=40, vocabulary=30, max_length=20, dropout=0.3
)


@pytest.mark.parametrize(
    ("module", "attention", "new", "tokens"),
    [
        (
            midibert,
            "relative_attention",
            lambda: MidiBert(BERT),
            torch.zeros(6, 4, dtype=torch.int64),
        ),
        (midigpt, "causal_attention", lambda: MidiGpt(GPT), torch.zeros(6, dtype=torch.int64)),
    ],
)
def test_embeddings_attention_and_both_parts_of_each_layer_are_dropped_in_training_only(
    module: ModuleType,
    attention: str,
    new: Callable[[], MidiBert | MidiGpt],
    tokens: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = new()
    of_weights: list[float] = []
    of_states: list[float] = []
    attend = getattr(module, attention)

    def watched(*arguments: Any) -> torch.Tensor:
        of_weights.append(arguments[-1])
        result: torch.Tensor = attend(*arguments)
        return result

    def note(dropout: Dropout, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        of_states.append(dropout.p if (output != inputs[0]).any() else 0.0)

    monkeypatch.setattr(module, attention, watched)
    for part in model.modules():
        if isinstance(part, Dropout):
            part.register_forward_hook(note)
    for dropout in (0.3, 0.0):
        model.train(dropout > 0)
        model.rows(tokens, [Block(1, 6)])
        assert of_weights == 2 * [dropout]
        assert of_states == 5 * [dropout]
        of_weights.clear()
        of_states.clear()
