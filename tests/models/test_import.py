from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from click.testing import CliRunner

from bench.cli import cli
from bench.errors import UserError
from models.backbones.midibert import MidiBert
from models.checkpoints import load_checkpoint
from models.tokens.compound import SIZES

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from torch import Tensor


def released(sizes: tuple[int, ...] = SIZES) -> dict[str, Tensor]:
    """A state dict of the public code's layout, 8 wide, 2 heads, 1 layer, 6 tokens long."""
    torch.manual_seed(0)
    state = {f"word_emb.{i}.lut.weight": torch.randn(n, 4) for i, n in enumerate(sizes)}
    linear = {"in_linear": (8, 16), "bert.pooler.dense": (8, 8)}
    layer = "bert.encoder.layer.0."
    linear |= {f"{layer}attention.self.{role}": (8, 8) for role in ("query", "key", "value")}
    linear |= {f"{layer}attention.output.dense": (8, 8), f"{layer}intermediate.dense": (32, 8)}
    linear |= {f"{layer}output.dense": (8, 32)}
    for name, shape in linear.items():
        state |= {f"{name}.weight": torch.randn(shape), f"{name}.bias": torch.randn(shape[0])}
    for name in ("bert.embeddings", f"{layer}attention.output", f"{layer}output"):
        state |= {f"{name}.LayerNorm.{part}": torch.randn(8) for part in ("weight", "bias")}
    state |= {
        f"{layer}attention.self.distance_embedding.weight": torch.randn(11, 4),
        "bert.embeddings.token_type_embeddings.weight": torch.randn(2, 8),
        "bert.embeddings.word_embeddings.weight": torch.randn(30, 8),
        "bert.embeddings.position_embeddings.weight": torch.randn(6, 8),
    }
    return state


def written(path: Path, state: Mapping[str, Any]) -> Path:
    torch.save({"epoch": 1, "state_dict": dict(state)}, path)
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli, ["checkpoint", *map(str, arguments)])


def test_a_release_is_imported_whole(tmp_path: Path) -> None:
    path = written(tmp_path / "release.ckpt", released())
    result = run("import", path, "-o", tmp_path / "ours.safetensors")
    assert result.exit_code == 0
    for name in ("pooler.dense.weight", "word_embeddings.weight", "position_embeddings.weight"):
        assert f"not used by the model: bert.{'' if 'pooler' in name else 'embeddings.'}{name}" in (
            result.output
        )
    ours, card = load_checkpoint(tmp_path / "ours.safetensors")
    expected = MidiBert.from_released(path).state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    assert card["exposure"] == "transductive"
    assert card["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()

    told = json.loads(run("info", tmp_path / "ours.safetensors").output)
    assert told["kind"] == "midibert"
    assert told["sizes"]["heads"] == 2
    assert told["card"] == card


def test_its_exposure_can_be_vouched_for(tmp_path: Path) -> None:
    path = written(tmp_path / "own.ckpt", released())
    assert run("import", path, "--inductive").exit_code == 0
    assert load_checkpoint(tmp_path / "own.safetensors")[1]["exposure"] == "inductive"


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def test_what_is_no_release_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = written(tmp_path / "whole.ckpt", released()).read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    torch.save({"state_dict": _Code()}, tmp_path / "code.ckpt")
    (tmp_path / "pickle.ckpt").write_bytes(pickle.dumps({"state_dict": _Code()}))
    written(tmp_path / "words.ckpt", released((4, 18, 90, 66)))
    written(tmp_path / "more.ckpt", {**released(), "extra.weight": torch.zeros(3)})
    less = released()
    del less["in_linear.bias"]
    written(tmp_path / "less.ckpt", less)
    for name, says in {
        "cut": "truncated",
        "code": "carries code",
        "pickle": "not a checkpoint of torch 1.6 or later",
        "words": "another vocabulary",
        "more": "no place for 'extra.weight'",
        "less": "'in_linear.bias' is missing",
        "absent": "cannot be read",
    }.items():
        result = run("import", f"{name}.ckpt")
        assert isinstance(result.exception, UserError), name
        assert says in str(result.exception)
        assert "\n" not in str(result.exception)
        assert result.exception.exit_code == 2
    assert not list(tmp_path.glob("*.safetensors"))
    assert not (tmp_path / "ran").exists()
