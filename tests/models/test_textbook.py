"""The fast path in fp32 equals the plain one: loss, predictions and gradients, within 1e-5."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.midigpt import MidiGpt, MidiGptConfig
from models.batching import Example, Packing, micro_batches
from models.heads import AttentionPooling, LastToken
from models.network import Network
from models.tokens.compound import SIZES
from models.training import add_gradients

if TYPE_CHECKING:
    from types import ModuleType

WITHIN = 1e-5


def _benchmark(name: str) -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


textbook = _benchmark("textbook")


def bert() -> tuple[Network, nn.Module]:
    config = MidiBertConfig(width=48, layers=3, heads=4, inner=96, embedding=8, max_length=60)
    network = Network(MidiBert(config), AttentionPooling(48))
    # As large as trained ones: what is drawn at first hardly shows in the scores.
    for layer in network.backbone.layers:  # type: ignore[union-attr]
        nn.init.normal_(layer.distances.weight, std=0.5)  # type: ignore[union-attr, arg-type]
    return network, textbook.TextbookMidiBert(network)


def gpt() -> tuple[Network, nn.Module]:
    config = MidiGptConfig(width=48, layers=3, heads=4, inner=96, max_length=300)
    network = Network(MidiGpt(config), LastToken(48))
    return network, textbook.TextbookMidiGpt(network)


def batch_of(network: Network) -> list[Example]:
    rng = np.random.default_rng(0)
    bert = network.backbone.kind == "midibert"
    lengths = [60, 1, 37, 59, 12] if bert else [300, 1, 37, 280, 12]
    return [
        Example(
            clip=i,
            tokens=rng.integers(0, SIZES, (n, 4)) if bert else rng.integers(0, 152, n),
            targets={"emotion": int(rng.integers(4))},
        )
        for i, n in enumerate(lengths)
    ]


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """A textbook model's gradients under the names of `Network`'s parameters."""
    found = {}
    for name, parameter in model.named_parameters():
        part = name.replace("head.", "heads.emotion.")
        if name.startswith(("inner", "outer")):
            part = f"pooling.{name}"
        elif not name.startswith("head"):
            part = f"backbone.{name}"
        found[part] = parameter.grad
    for name in [name for name in found if ".query." in name]:
        roles = [name.replace("query", role) for role in ("query", "key", "value")]
        parts: list[Any] = [found.pop(role) for role in roles]
        found[name.replace("query", "qkv")] = torch.cat(parts)
    for theirs, ours in {
        "gpt.wte": "words", "gpt.wpe": "positions", "gpt.ln_f": "norm", "gpt.h": "layers",
        "ln_1": "norm_attention", "ln_2": "norm", "attn.c_attn": "qkv", "attn.c_proj": "mix",
        "mlp.c_fc": "up", "mlp.c_proj": "down",
    }.items():  # fmt: skip
        for name in [name for name in found if theirs in name]:
            grad = found.pop(name)
            assert grad is not None
            transposed = "c_" in theirs and grad.dim() == 2
            found[name.replace(theirs, ours)] = grad.T if transposed else grad
    return found


@pytest.mark.parametrize("make", [bert, gpt])
@pytest.mark.parametrize("packing", [Packing(longest=60), Packing(max_rows=80, multiple=5)])
def test_loss_predictions_and_gradients_are_the_textbooks(make: Any, packing: Packing) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network, reference = make()
    network.eval()
    reference.eval()
    batch = batch_of(network)
    labels = torch.tensor([example.targets["emotion"] for example in batch])

    theirs = reference(batch)
    their_loss = nn.functional.cross_entropy(theirs, labels)
    their_loss.backward()
    our_loss, _ = add_gradients(network, batch, packing, "fp32")
    assert float(our_loss) == pytest.approx(float(their_loss.detach()), rel=WITHIN)

    for micro in micro_batches(batch, packing):
        logits = network(micro)["emotion"]
        difference = torch.linalg.norm(logits - theirs[micro.order])
        assert difference <= WITHIN * torch.linalg.norm(theirs[micro.order])

    expected = gradients(reference)
    ours = {name: p.grad for name, p in network.named_parameters() if p.numel()}
    assert set(ours) == set(expected)
    whole = torch.sqrt(sum((grad**2).sum() for grad in expected.values()))  # type: ignore[arg-type]
    for name, grad in expected.items():
        assert torch.linalg.norm(ours[name] - grad) <= WITHIN * whole, name
