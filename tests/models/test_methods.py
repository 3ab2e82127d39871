from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from bench import machine
from bench.clips import Clip
from bench.datasets.smf import SmfNote
from bench.errors import UserError
from bench.methods import DetailedMethod, SegmentMethod, silent
from bench.registry import methods
from models.dropout import Dropout
from models.midibert_method import MidiBertMethod, MultiTaskMidiBert, RescaledMidiBert
from models.midigpt_method import MidiGptMethod, MultiTaskMidiGpt
from models.training import History, Recipe
from tests.models.small import ALL, clip, tiny

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.batching import Example
    from models.network import Network
    from models.neural_method import NeuralMethod

pytestmark = pytest.mark.usefixtures("own_cache")


def test_all_are_found_by_name() -> None:
    found = methods()
    names = ["midibert", "mt-midibert", "midigpt", "mt-midigpt", "midibert-rescaled"]
    for name, cls in zip(names, [*ALL, RescaledMidiBert], strict=True):
        assert found[name].load() is cls
        assert found[name].encoding
        assert not found[name].deterministic


def test_defaults_are_the_papers() -> None:
    bert, gpt = MultiTaskMidiBert(), MultiTaskMidiGpt()
    assert (bert.width, bert.layers, bert.heads, bert.embedding) == (768, 12, 12, 256)
    assert (bert.dropout, bert.max_length, tuple(bert.tasks)) == (0.1, 512, ("key", "velocity"))
    assert (gpt.width, gpt.layers, gpt.heads, gpt.dropout) == (512, 4, 8, 0.25)
    assert (gpt.max_length, tuple(gpt.tasks)) == (2048, ("key",))
    for method in (bert, gpt, MidiBertMethod(), MidiGptMethod()):
        assert (method.epochs, method.batch_size, method.lr) == (100, 16, 3e-5)
        assert (method.weight_decay, method.warmup_steps, method.patience) == (0.01, 500, 0.3)
        assert (method.loss, method.precision, method.start) == ("printed", "fp32", "")
    assert not MidiBertMethod().tasks
    assert not MidiGptMethod().tasks


@pytest.mark.parametrize("cls", ALL)
def test_a_method_fits_predicts_and_tells(cls: type[NeuralMethod], clips: list[Clip]) -> None:
    method = tiny(cls, epochs=20, lr=1e-2, dropout=0.0)
    fractions: list[float] = []
    method.fit(clips[:32], clips[32:], seed=0, progress=lambda f, _note="": fractions.append(f))
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] <= fractions[-1] <= 1
    probabilities = method.predict_proba(clips)
    assert probabilities.shape == (40, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    right = probabilities.argmax(axis=1) == [clip.quadrant for clip in clips]
    assert right.mean() > 0.5
    assert isinstance(method, DetailedMethod)
    details = json.loads(json.dumps(method.details()))
    assert details["epochs_run"] == len(details["history"]) > 1
    assert 1 <= details["best_epoch"] <= details["epochs_run"]
    assert details["n_parameters"] > 1000
    assert details["start"] == "random"
    assert details["tasks"] == list(method.tasks)
    scales = {f"scale_{task}" for task in ("emotion", *method.tasks)} if method.tasks else set()
    assert {name for name in details["history"][0] if name.startswith("scale_")} == scales
    shares = {f"valid_{task}_accuracy" for task in method.tasks}
    for epoch in details["history"]:
        assert shares == {name for name in epoch if name.startswith("valid_")} - {
            "valid_accuracy",
            "valid_macro_f1",
        }
        assert all(0 <= epoch[name] <= 1 for name in shares)


def test_segments_are_pieces_of_the_clip_and_their_mean_is_its_prediction(
    clips: list[Clip],
) -> None:
    method = tiny(MidiBertMethod, epochs=1)
    assert isinstance(method, SegmentMethod)
    method.fit(clips[:32], clips[32:], seed=0, progress=silent)
    tables = method.predict_segments(clips)
    lengths = [len(clip.midi.notes) for clip in clips]
    assert [len(table) for table in tables] == [max(1, -(-n // 24)) for n in lengths]
    np.testing.assert_array_equal(
        [table.mean(axis=0) for table in tables], method.predict_proba(clips)
    )
    assert method.predict_segments([]) == []
    assert method.predict_proba([]).shape == (0, 4)
    assert not isinstance(tiny(MidiGptMethod), SegmentMethod)


@pytest.mark.parametrize("cls", ALL)
def test_labels_of_what_is_predicted_are_never_looked_at(
    cls: type[NeuralMethod], clips: list[Clip]
) -> None:
    method = tiny(cls, epochs=1)
    method.fit(clips[:32], clips[32:], seed=0, progress=silent)
    unlabelled = [Clip(c.id, c.song, c.path, c.sha256) for c in clips]
    np.testing.assert_array_equal(method.predict_proba(unlabelled), method.predict_proba(clips))


@pytest.mark.parametrize("cls", ALL)
def test_a_clip_gets_the_same_prediction_in_any_company(
    cls: type[NeuralMethod], clips: list[Clip]
) -> None:
    method = tiny(cls, epochs=1)
    method.fit(clips[:32], clips[32:], seed=0, progress=silent)
    together = method.predict_proba(clips)
    for i in (0, 17, 39):
        np.testing.assert_allclose(method.predict_proba([clips[i]])[0], together[i], atol=1e-6)


@pytest.mark.parametrize("cls", ALL)
def test_data_without_a_single_note_break_nothing(cls: type[NeuralMethod], tmp_path: Path) -> None:
    empty = [clip(tmp_path, f"empty{i}", [], i % 4) for i in range(4)]
    method = tiny(cls, epochs=2)
    method.fit(empty, empty, seed=0, progress=silent)
    assert np.isfinite(method.predict_proba(empty)).all()


def test_midigpt_reads_a_clips_first_tokens(tmp_path: Path, clips: list[Clip]) -> None:
    method = tiny(MidiGptMethod, epochs=1, max_length=12)
    method.fit(clips[:32], clips[32:], seed=0, progress=silent)
    notes = [SmfNote(200 * i, 200 * i + 190, 50 + i % 7, 64) for i in range(80)]
    both = [clip(tmp_path, "long", notes[:40]), clip(tmp_path, "longer", notes)]
    long, longer = method.predict_proba(both)
    np.testing.assert_allclose(long, longer, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"tasks": ["velocty"]}, "unknown task 'velocty': did you mean 'velocity'"),
        ({"tasks": ["emotion"]}, "unknown task 'emotion'"),
        ({"tasks": ["key", "key"]}, r"write each once, in this order: \['key'\]"),
        ({"tasks": ["velocity", "key"]}, r"in this order: \['key', 'velocity'\]"),
        ({"loss": "leibel"}, "did you mean 'liebel'"),
        ({"precision": "fp16"}, "unknown precision 'fp16'"),
        ({"width": 17}, "width=17"),
        ({"layers": 0}, "layers=0"),
        ({"embedding": 0}, "embedding=0: must be at least 1"),
        ({"lr": -1.0}, "lr=-1.0: must be a number of at least 0"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr": float("inf")}, "lr=inf"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"warmup_steps": -1}, "warmup_steps=-1"),
        ({"dropout": 1.0}, "dropout=1.0: must be at least 0 and below 1"),
        ({"patience": 0}, "patience=0: must be above 0 and at most 1"),
        ({"device": "gpu"}, "device='gpu': write auto, cpu, cuda or cuda:0"),
    ],
)
def test_settings_that_make_no_sense_are_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        tiny(MidiBertMethod, **changes)


def test_seed_and_settings_reach_the_training(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}

    def train(
        network: Network,
        train: Sequence[Example],
        valid: Sequence[Example],
        recipe: Recipe,
        **others: Any,
    ) -> History:
        told.update(others, network=network, recipe=recipe)
        told["clips"] = [len({example.clip for example in part}) for part in (train, valid)]
        return History()

    monkeypatch.setattr("models.neural_method.train_network", train)
    recipe = Recipe(  # nothing as it is by default
        epochs=3,
        batch_size=5,
        lr=0.1,
        weight_decay=0.2,
        warmup_steps=7,
        patience=0.9,
        precision="bf16",
    )
    method = tiny(MultiTaskMidiBert, **asdict(recipe), loss="liebel")
    method.fit(clips[:6], clips[6:10], seed=6, progress=silent)
    assert (told["recipe"], told["seed"], told["clips"]) == (recipe, 6, [6, 4])
    assert told["network"].weights.form == "liebel"


def test_the_details_tell_what_was_computed_in(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = tiny(MidiBertMethod, epochs=1, precision="bf16")
    method.fit(clips[:6], clips[6:10], seed=0, progress=silent)
    for amx, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("models.precision.has_amx", lambda amx=amx: amx)
        assert method.details()["precision"] == precision


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_dropout_is_that_of_all_parts(dropout: float) -> None:
    network = tiny(MultiTaskMidiBert, dropout=dropout).new_network(0)
    found = {part.p for part in network.modules() if isinstance(part, Dropout)}
    assert found == {dropout}
    assert network.heads["velocity"][0].p == dropout


@pytest.mark.parametrize("cls", ALL)
def test_a_seed_draws_the_weights(cls: type[NeuralMethod]) -> None:
    one, again, other = (
        next(tiny(cls).new_network(seed).heads["emotion"].parameters()) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_gpu_that_is_not_there_is_told(clips: list[Clip]) -> None:
    with pytest.raises(UserError, match="device cuda:99: there is no such GPU here"):
        tiny(MidiBertMethod, device="cuda:99").fit(clips[:4], clips[4:8], seed=0, progress=silent)


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_gpu_without_what_its_kernels_need_is_told(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(machine, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"lacks Triton.*or choose the device cpu"):
        tiny(MidiBertMethod, device=device).chosen_device()
    assert tiny(MidiBertMethod, device="cpu").chosen_device().type == "cpu"


def test_beats_are_told_as_files_tell_them(tmp_path: Path) -> None:
    notes = [SmfNote(480 * i, 480 * i + 240, 60 + i, 64) for i in range(8)]
    slow = clip(tmp_path, "slow", notes, beat=960)
    public, rescaled = [
        tiny(cls).unlabelled_examples([slow])[0].tokens
        for cls in (MidiBertMethod, RescaledMidiBert)
    ]
    assert list(public[:, 1]) == [0, 4, 8, 12, 0, 4, 8, 11]  # the last point is left out
    assert list(rescaled[:, 1]) == [0, 2, 4, 6, 8, 10, 12, 13]


def test_what_is_fitted_anew_reads_files_as_they_are(clips: list[Clip], tmp_path: Path) -> None:
    notes = [SmfNote(480 * i, 480 * i + 240, 60 + i, 64) for i in range(8)]
    slow = [clip(tmp_path, "slow", notes, beat=960)]
    fitted, taken = tiny(MidiBertMethod, epochs=1), tiny(MidiBertMethod, epochs=1)
    fitted.fit(clips[:32], clips[32:], seed=0, progress=silent)
    taken.take(fitted.network.backbone, fitted.network.state_dict(), ticks_per_beat=480)
    assert not np.array_equal(taken.predict_proba(slow), fitted.predict_proba(slow))
    taken.fit(clips[:32], clips[32:], seed=0, progress=silent)
    assert np.array_equal(taken.predict_proba(slow), fitted.predict_proba(slow))
