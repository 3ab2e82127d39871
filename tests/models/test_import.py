from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import CliRunner

from bench.cli import cli
from bench.errors import UserError
from models.backbones.midibert import MidiBert
from models.checkpoints import load_checkpoint, save_checkpoint
from tests.models.released_states import Code, released, written

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


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
    release = MidiBert.from_released(path)
    assert not any(module.training for module in release.modules())  # else it drops at random
    expected = release.state_dict()
    assert ours.state_dict().keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(ours.state_dict()[name], tensor), name
    assert (card["exposure"], card["encoding"]) == ("transductive", "compound-1")
    assert card["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()

    told = json.loads(run("info", tmp_path / "ours.safetensors").output)
    assert told["kind"] == "midibert"
    assert told["sizes"]["heads"] == 3
    assert told["card"] == card


def test_a_folder_is_no_checkpoint(tmp_path: Path) -> None:
    told = run("info", tmp_path)
    assert told.exit_code == 2
    assert "is a directory" in told.output


def test_its_exposure_can_be_vouched_for(tmp_path: Path) -> None:
    path = written(tmp_path / "own.ckpt", released())
    assert run("import", path, "--inductive").exit_code == 0
    assert load_checkpoint(tmp_path / "own.safetensors")[1]["exposure"] == "inductive"


def test_what_is_no_release_is_refused_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = written(tmp_path / "whole.ckpt", released()).read_bytes()
    (tmp_path / "cut.ckpt").write_bytes(whole[: len(whole) // 2])
    torch.save({"state_dict": Code()}, tmp_path / "code.ckpt")
    (tmp_path / "pickle.ckpt").write_bytes(pickle.dumps({"state_dict": Code()}))
    written(tmp_path / "words.ckpt", released(words=(4, 18, 90, 66)))
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


@pytest.mark.parametrize("path", [".", "..", "/", ""])
def test_a_folder_is_no_release(path: str) -> None:
    result = run("import", path)
    assert isinstance(result.exception, UserError)
    assert str(result.exception).endswith(
        ": a folder: name the checkpoint, such as pretrain_model.ckpt"
    )


def _odd(**tensors: Tensor) -> dict[str, Tensor]:
    names = {
        "project": "in_linear.weight",
        "words": "word_emb.0.lut.weight",
        "distances": "bert.encoder.layer.0.attention.self.distance_embedding.weight",
        "types": "bert.embeddings.token_type_embeddings.weight",
    }
    return released() | {names[name]: tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (_odd(project=torch.zeros(1).expand(10**6, 10**6)), "claim to be larger than the file"),
        (_odd(project=torch.zeros(24, 32).half().expand(10**5, 24, 32)), "larger than the file"),
        (_odd(project=torch.tensor(1.0)), "should be a matrix"),
        (_odd(words=torch.tensor(1.0)), "should be a matrix"),
        (_odd(distances=torch.zeros(39, 0)), "should be a matrix"),
        (_odd(types=torch.zeros(2, 25)), r"has shape \(2, 25\), not \(2, 24\)"),
        (_odd(project=torch.eye(24, 32).to_sparse()), "carries code"),
        (_odd(project=torch.zeros(24, 32, dtype=torch.complex64)), "carries code"),
        (released() | {"a\n.b": torch.zeros(3)}, r"no place for 'a\\n.b'"),
    ],
)
def test_tensors_of_odd_shapes_are_refused(
    tmp_path: Path, state: dict[str, Tensor], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        MidiBert.from_released(written(tmp_path / "odd.ckpt", state))


def test_a_tensor_whose_dimension_repeats_what_is_stored_is_taken(tmp_path: Path) -> None:
    state = released() | {"in_linear.bias": torch.zeros(1).expand(24)}
    found = MidiBert.from_released(written(tmp_path / "odd.ckpt", state)).project.bias
    assert torch.equal(found, state["bert.embeddings.token_type_embeddings.weight"][0])


def _repacked(path: Path, pickled: bytes, packing: int = zipfile.ZIP_STORED) -> Path:
    """The checkpoint with another pickle in it."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, pickled if name.endswith("/data.pkl") else data)
    return path


class _Zeros:
    """A pickle of few bytes that fills the memory; torch would let it."""

    def __init__(self, maker: Any) -> None:
        self.maker = maker

    def __reduce__(self) -> tuple[Any, ...]:
        return self.maker, (10**12,)


def test_what_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "release.ckpt", released())
    with zipfile.ZipFile(path) as archive:
        pickled = archive.read("release/data.pkl")
    claim = b"\x8a\x06" + (10**12).to_bytes(6, "little")  # for 18 words of 8 numbers
    assert pickled.count(b"K\x90") == 1
    bombs = {
        "damaged": pickled.replace(b"K\x90", claim),
        "carries code": pickle.dumps(_Zeros(bytearray), protocol=2),
        "it carries code": pickle.dumps(_Zeros(torch.FloatTensor), protocol=4),
        "torch 1.6 or later": pickled + bytes(10**7),  # packed, the next line but two
    }
    for says, content in bombs.items():
        packing = zipfile.ZIP_DEFLATED if len(content) > 10**6 else zipfile.ZIP_STORED
        with pytest.raises(UserError, match=says):
            MidiBert.from_released(_repacked(path, content, packing))


def _with(path: Path, **metadata: str) -> Path:
    """A checkpoint of ours with other metadata."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] |= metadata
    changed = json.dumps(header).encode()
    target = path.with_name("changed.safetensors")
    target.write_bytes(len(changed).to_bytes(8, "little") + changed + data[8 + size :])
    return target


@pytest.mark.parametrize(
    "sizes",
    [
        *({name: 10**12} for name in ("width", "layers", "heads", "inner", "embedding")),
        *({"max_length": 10**12}, {"max_length": 10**30}, {"heads": 0}, {"layers": -1}),
        *({"width": "8"}, {"width": None}, {"width": 8.5}, {"depth": 1}),
    ],
)
def test_a_checkpoint_of_sizes_that_it_has_not_is_refused(
    tmp_path: Path, sizes: dict[str, Any]
) -> None:
    path = tmp_path / "ours.safetensors"
    model = MidiBert.from_released(written(tmp_path / "release.ckpt", released()))
    save_checkpoint(model, path)
    config = json.dumps(asdict(model.config) | sizes)
    with pytest.raises(UserError, match="not a checkpoint of smer-bench, or a damaged one"):
        load_checkpoint(_with(path, config=config))


def test_a_checkpoint_with_other_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    save_checkpoint(MidiBert.from_released(written(tmp_path / "r.ckpt", released())), path)
    for wrong in ("", "{", "[]", "null", "1" * 5000, "[" * 100_000):
        for name in ("kind", "config", "card"):
            with pytest.raises(UserError, match="not a checkpoint of smer-bench"):
                load_checkpoint(_with(path, **{name: wrong}))
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:20], b"", (10**12).to_bytes(8, "little") + whole[8:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a checkpoint of smer-bench"):
            load_checkpoint(path)
