from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.attention import Block
from models.backbones.midigpt import MidiGpt, MidiGptConfig

TINY = MidiGptConfig(width=24, layers=2, heads=3, inner=96, vocabulary=30, max_length=300)


def random_ids(*shape: int) -> torch.Tensor:
    return torch.randint(30, shape, generator=torch.Generator().manual_seed(3))


def test_hidden_states_are_those_of_transformers() -> None:
    from transformers import GPT2Config, GPT2Model

    ours = MidiGpt(TINY).eval()
    theirs = GPT2Model(
        GPT2Config(
            vocab_size=30,
            n_positions=300,
            n_embd=24,
            n_layer=2,
            n_head=3,
            bos_token_id=0,
            eos_token_id=0,
        )
    ).eval()
    names = {
        "words": "wte",
        "positions": "wpe",
        "norm": "ln_f",
        "layers": "h",
        "norm_attention": "ln_1",
        "qkv": "attn.c_attn",
        "mix": "attn.c_proj",
        "up": "mlp.c_fc",
        "down": "mlp.c_proj",
    }
    state = {}
    for name, tensor in ours.state_dict().items():
        parts = name.split(".")
        if parts[0] == "layers" and parts[2] == "norm":
            parts[2] = "ln_2"
        # transformers keeps these weights transposed.
        linear = {"qkv", "mix", "up", "down"} & set(parts) and parts[-1] == "weight"
        state[".".join(names.get(part, part) for part in parts)] = tensor.T if linear else tensor
    theirs.load_state_dict(state)
    ids = random_ids(2, 290)  # more than one stretch of queries
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).last_hidden_state, atol=2e-6, rtol=1e-5)


def test_what_is_added_to_the_residual_is_drawn_narrower_by_depth() -> None:
    torch.manual_seed(0)
    model = MidiGpt(replace(TINY, width=96, layers=8))
    layer = dict(model.layers[7].named_children())
    for name, std in (("qkv", 0.02), ("up", 0.02), ("mix", 0.02 / 4), ("down", 0.02 / 4)):
        assert layer[name].weight.std().item() == pytest.approx(std, rel=0.05), name


def test_padding_on_the_right_and_company_change_nothing() -> None:
    model = MidiGpt(TINY).eval()
    ids = random_ids(2, 9)
    with torch.no_grad():
        together = model(ids)
        torch.testing.assert_close(together[1, :4], model(ids[1:, :4])[0])
        in_rows = model.rows(torch.cat([ids[0], ids[1, :4]]), [Block(1, 9), Block(1, 4)])
        torch.testing.assert_close(in_rows, torch.cat([together[0], together[1, :4]]))
