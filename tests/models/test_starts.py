from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.errors import UserError
from bench.methods import silent
from bench.registry import find_method
from models.checkpoints import load_checkpoint, save_checkpoint, shipped
from models.checkpoints.finetuned import Card, find_finetuned, load_finetuned, save_finetuned
from models.checkpoints.weights import read_metadata
from models.midibert_method import MidiBertMethod, RescaledMidiBert
from models.midigpt_method import MidiGptMethod
from tests.models.small import TINY, tiny

if TYPE_CHECKING:
    from pathlib import Path

    from bench.clips import Clip
    from models.neural_method import NeuralMethod

pytestmark = pytest.mark.usefixtures("own_cache")


def test_a_method_whose_key_would_not_hold_its_start_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    save_checkpoint(tiny(MidiBertMethod).new_backbone(), path)

    class Mine(MidiBertMethod):
        method_name = "majority"  # of which the registry knows no start

    with pytest.raises(UserError, match="majority says no start in its @register_method"):
        tiny(Mine, start=str(path)).new_network(0)


@pytest.mark.parametrize("cls", [MidiBertMethod, MidiGptMethod])
def test_a_method_starts_from_a_checkpoint(
    cls: type[NeuralMethod], clips: list[Clip], tmp_path: Path
) -> None:
    path = tmp_path / "start.safetensors"
    backbone = tiny(cls).new_backbone()
    save_checkpoint(backbone, path, {"corpus": "tests"})
    loaded, card = load_checkpoint(path)
    assert card == {"corpus": "tests"}
    assert loaded.config == backbone.config

    method = tiny(cls, start=str(path), epochs=1, lr=0.0, dropout=0.3)
    method.fit(clips[:32], clips[32:], seed=0, progress=silent)
    assert method.details()["start"] == {
        "checkpoint": "start.safetensors",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "exposure": "transductive",
        "corpus": "tests",
    }
    after = method.network.backbone
    assert after.config.dropout == 0.3
    for name, tensor in backbone.state_dict().items():
        assert (after.state_dict()[name] == tensor).all(), name


def test_a_start_of_other_sizes_or_kind_or_none_is_refused(
    clips: list[Clip], tmp_path: Path
) -> None:
    path = tmp_path / "start.safetensors"
    small = tiny(MidiBertMethod)
    save_checkpoint(small.new_backbone(), path, {"encoding": "compound-1"})
    tiny(MidiBertMethod, start=str(path)).check()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(path.read_bytes()[:1000])
    for method, says in [
        (tiny(MidiBertMethod, start=str(path), width=32), "width=32: the checkpoint .* width=16"),
        (tiny(MidiGptMethod, start=str(path)), "a checkpoint of midibert"),
        (tiny(RescaledMidiBert, start=str(path)), "has learned the encoding 'compound-1'"),
        (tiny(MidiBertMethod, start=str(tmp_path / "no.safetensors")), "no such checkpoint"),
        (tiny(MidiBertMethod, start="no-such-name"), "unknown checkpoint 'no-such-name'"),
        (tiny(MidiBertMethod, start=str(cut)), "not a checkpoint of smer-bench, or a damaged one"),
    ]:
        with pytest.raises(UserError, match=says):
            method.check()
        with pytest.raises(UserError, match=says):
            method.fit(clips[:4], clips[4:8], seed=0, progress=silent)


@pytest.mark.parametrize("larger", [{"width": 32}, {"layers": 2}, {"heads": 4}])
def test_a_start_larger_than_the_settings_is_refused(
    larger: dict[str, int], tmp_path: Path
) -> None:
    path = tmp_path / "start.safetensors"
    save_checkpoint(tiny(MidiBertMethod, **larger).new_backbone(), path)
    ((name, size),) = larger.items()
    with pytest.raises(UserError, match=f"setting {name}=.*: the checkpoint .* {name}={size}"):
        tiny(MidiBertMethod, start=str(path)).check()


def test_the_file_of_a_network_tells_no_path_to_its_start(tmp_path: Path) -> None:
    start, path = tmp_path / "start.safetensors", tmp_path / "network.safetensors"
    sizes = {**TINY, "embedding": 4}
    save_checkpoint(MidiBertMethod(**sizes).new_backbone(), start)
    settings = sizes | {"start": str(start), "device": "cpu"}
    method = MidiBertMethod(**settings)
    network = method.new_network(0)
    method.take(network.backbone, network.state_dict())
    card = msgspec.json.decode(read_metadata(find_finetuned("mt-midibert"))["card"], type=Card)
    save_finetuned(method, find_method("midibert"), settings, path, card)
    assert json.loads(read_metadata(path)["method"])["settings"] == sizes
    assert str(tmp_path).encode() not in path.read_bytes()
    start.unlink()
    assert load_finetuned(path).method.start == ""


def test_checkpoints_that_are_shipped_can_be_loaded() -> None:
    assert set(shipped()) == {"midibert-lite", "midigpt-lite"}
    for path in shipped().values():
        _, card = load_checkpoint(path)
        assert card
        assert path.stat().st_size <= 20e6
