from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
import torch

from bench.errors import UserError
from models.attention import Block
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.released import read_released
from models.tokens.compound import SIZES
from tests.models.released_states import Code, released, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TINY = MidiBertConfig(width=24, layers=2, heads=3, inner=40, embedding=8, max_length=20)


def random_tokens(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.stack([torch.randint(size, shape, generator=generator) for size in SIZES], dim=-1)


def test_hidden_states_do_not_depend_on_padding_or_company() -> None:
    model = MidiBert(TINY).eval()
    tokens = random_tokens(2, 9)
    mask = torch.ones(2, 9)
    mask[1, 4:] = 0
    with torch.no_grad():
        together = model(tokens, mask)
        torch.testing.assert_close(together[0], model(tokens[:1], mask[:1])[0])
        torch.testing.assert_close(together[1, :4], model(tokens[1:, :4], mask[1:, :4])[0])
        in_rows = model.rows(torch.cat([tokens[0], tokens[1, :4]]), [Block(1, 9), Block(1, 4)])
        torch.testing.assert_close(in_rows, torch.cat([together[0], together[1, :4]]))


def test_position_matters() -> None:
    model = MidiBert(TINY).eval()
    tokens, mask = random_tokens(1, 6), torch.ones(1, 6)
    with torch.no_grad():
        for layer in model.layers:
            torch.nn.init.normal_(layer.distances.weight)
        there, back = model(tokens, mask), model(tokens.flip(1), mask).flip(1)
    assert (there - back).abs().max() > 1e-3


def test_sizes_of_a_released_checkpoint_are_read_from_it(tmp_path: Path) -> None:
    path = written(tmp_path / "release.ckpt", released())
    assert MidiBert.from_released(path).config == MidiBertConfig(
        width=24, layers=2, heads=3, inner=40, embedding=8, max_length=20
    )
    wide = written(tmp_path / "wide.ckpt", released(width=32, head=16, layers=1))
    config = MidiBert.from_released(wide).config
    assert (config.width, config.heads, config.layers) == (32, 2, 1)


def test_every_released_tensor_is_used_or_named_as_ignored(tmp_path: Path) -> None:
    state = released()
    path = written(tmp_path / "release.ckpt", state)
    before = MidiBert.from_released(path).state_dict()
    _, _, ignored = read_released(path)
    assert len(ignored) == 4
    for name in state:
        # Another value than before shows in the model exactly if the name is not ignored.
        changed = written(tmp_path / "changed.ckpt", {**state, name: state[name] + 1})
        after = MidiBert.from_released(changed).state_dict()
        same = all(torch.equal(before[key], after[key]) for key in before)
        assert same == (name in ignored), name


def _renamed(state: dict[str, torch.Tensor]) -> None:
    state["bert.encoder.layer.0.extra"] = torch.zeros(1)


def _without(state: dict[str, torch.Tensor]) -> None:
    del state["bert.encoder.layer.1.output.dense.bias"]


def _other_words(state: dict[str, torch.Tensor]) -> None:
    state["word_emb.2.lut.weight"] = torch.zeros(90, 8)


def _other_shape(state: dict[str, torch.Tensor]) -> None:
    state["bert.encoder.layer.1.output.dense.weight"] = torch.zeros(24, 41)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_renamed, "no place for 'bert.encoder.layer.0.extra'"),
        (_without, "'bert.encoder.layer.1.output.dense.bias' is missing"),
        (_other_words, "another vocabulary: 90 words for Pitch, not 88"),
        (_other_shape, r"output.dense.weight has shape \(24, 41\), not \(24, 40\)"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(
    damage: Callable[[dict[str, torch.Tensor]], None], says: str, tmp_path: Path
) -> None:
    state = released()
    damage(state)
    path = written(tmp_path / "other.ckpt", state)
    with pytest.raises(UserError, match=says) as caught:
        MidiBert.from_released(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_pickle_with_code_is_refused_unrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "code.ckpt"
    torch.save({"state_dict": {"x": Code()}}, path)
    plain = tmp_path / "plain.ckpt"
    plain.write_bytes(pickle.dumps(Code()))
    for file in (path, plain):
        with pytest.raises(UserError, match=r"refused|not a checkpoint of torch"):
            MidiBert.from_released(file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_checkpoint_is_refused(share: float, tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.ckpt", released()).read_bytes()
    path = tmp_path / "cut.ckpt"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UserError, match=r"cut\.ckpt"):
        MidiBert.from_released(path)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        MidiBert.from_released(tmp_path / "missing.ckpt")
    with pytest.raises(UserError, match="cannot be read"):
        MidiBert.from_released(tmp_path)
    other = tmp_path / "other.ckpt"
    torch.save([torch.zeros(3)], other)
    with pytest.raises(UserError, match="no `state_dict`"):
        MidiBert.from_released(other)
    other.write_bytes(b"MThd\0\0\0\6 this is no checkpoint at all")
    with pytest.raises(UserError, match=r"refused|not a checkpoint of torch"):
        MidiBert.from_released(other)
