from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from bench import machine
from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from bench.derived import Derivation
from bench.errors import UserError
from bench.keys import find_keys
from bench.methods import DetailedMethod, SegmentMethod, silent
from bench.registry import methods
from models.checkpoints import load_checkpoint, save_checkpoint, shipped
from models.dropout import Dropout
from models.midibert_method import MidiBertMethod, MultiTaskMidiBert, RescaledMidiBert
from models.midigpt_method import MidiGptMethod, MultiTaskMidiGpt
from models.multitask import TASKS, Task
from models.tokens.compound import encode_compound
from models.tokens.encodings import COMPOUND_WORDS
from models.tokens.performance import encode_performance
from models.training import History, Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.midi import Midi
    from models.batching import Example
    from models.network import Network
    from models.neural_method import NeuralMethod

TINY: dict[str, Any] = {
    "width": 16,
    "layers": 1,
    "heads": 2,
    "epochs": 4,
    "batch_size": 8,
    "lr": 5e-3,
    "warmup_steps": 2,
    "max_length": 24,
}
ALL = [MidiBertMethod, MultiTaskMidiBert, MidiGptMethod, MultiTaskMidiGpt]


def tiny(cls: type[NeuralMethod], **changes: Any) -> NeuralMethod:
    sizes = {"embedding": 4} if issubclass(cls, MidiBertMethod) else {}
    return cls(**{**TINY, **sizes, **changes})


def clip(
    folder: Path, name: str, notes: list[SmfNote], quadrant: int | None = 0, beat: int = 480
) -> Clip:
    data = smf_bytes([notes], ticks_per_beat=beat)
    path = folder / f"{name}.mid"
    path.write_bytes(data)
    return Clip.from_file(path, quadrant=quadrant)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    """40 clips that tell their quadrant by register; one has no note, some fill two segments."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(40):
        quadrant = i % 4
        length = 0 if i == 17 else int(rng.integers(3, 40))
        onsets = np.cumsum(rng.integers(60, 480, length))
        notes = [
            SmfNote(int(on), int(on) + 200, int(rng.integers(0, 15)) + 30 + 15 * quadrant, 64)
            for on in onsets
        ]
        made.append(clip(tmp_path, f"clip{i}", notes, quadrant))
    return made


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


def test_targets_are_each_clips_key_and_each_notes_velocity(tmp_path: Path) -> None:
    def tune(name: str, pitches: Sequence[int], quadrant: int) -> Clip:
        notes = [SmfNote(480 * i, 480 * i + 400, p, 10 + 30 * i) for i, p in enumerate(pitches)]
        return clip(tmp_path, name, notes, quadrant)

    three = [tune("a", (57, 60, 64, 57), 2), tune("b", (), 1), tune("c", (60, 64, 67, 60), 0)]
    found = [-1 if key is None else key.index for key in find_keys(three)]
    assert found[0] >= 12 > found[2] >= 0 > found[1]  # minor, none, major
    for cls in (MultiTaskMidiBert, MultiTaskMidiGpt):
        made = tiny(cls, max_length=3).labelled_examples(three)
        targets = {(e.clip, e.targets["emotion"], e.targets["key"]) for e in made}
        assert targets == {(i, (2, 1, 0)[i], key) for i, key in enumerate(found)}
    made = tiny(MultiTaskMidiBert, max_length=3).labelled_examples(three)
    velocities = [e.targets["velocity"] for e in made if e.clip == 0]
    assert np.concatenate(velocities).tolist() == [0, 1, 3, 5]


def test_a_task_is_learned_by_its_entry_alone(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lengths(clips: Sequence[Clip]) -> list[int]:
        return [int(len(clip.midi.notes) > 20) for clip in clips]

    monkeypatch.setitem(TASKS, "length", Task(2, lengths))
    for cls in (MidiBertMethod, MidiGptMethod):
        method = tiny(cls, tasks=["key", "length"], epochs=1)
        method.fit(clips[:32], clips[32:], seed=0, progress=silent)
        assert "valid_length_accuracy" in method.details()["history"][0]
        made = method.labelled_examples(clips)
        assert {(e.clip, e.targets["length"]) for e in made} == set(enumerate(lengths(clips)))


def _parity(midi: Midi) -> NDArray[np.int16]:
    """Of each performance word's number, as a task of tokens might have it."""
    return (encode_performance(midi) % 2).astype(np.int16)


def _register(midi: Midi) -> NDArray[np.int16]:
    """Whether each compound word's note is high."""
    return (encode_compound(midi)[:, 2] >= 30).astype(np.int16)


@pytest.mark.parametrize(
    ("cls", "what", "of_tokens"),
    [
        (MidiBertMethod, Derivation("register", 1, _register), lambda tokens: tokens[:, 2] >= 30),
        (MidiGptMethod, Derivation("parity", 1, _parity), lambda tokens: tokens % 2),
    ],
)
def test_a_task_of_tokens_is_learned_by_its_entry_and_its_labels_alone(
    cls: type[NeuralMethod],
    what: Derivation,
    of_tokens: Callable[[Any], Any],
    clips: list[Clip],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = tiny(cls).labelled_examples(clips)
    start = tmp_path / "start.safetensors"
    save_checkpoint(tiny(cls).new_backbone(), start, {"encoding": cls.encoding.id})
    monkeypatch.setitem(TASKS, what.name, Task(2))
    monkeypatch.setattr(cls, "encoding", replace(cls.encoding, labels={what.name: what}))
    method = tiny(cls, tasks=["key", what.name], epochs=1, start=str(start))
    method.check()  # its tokens are still those that the start has learned

    made = [tiny(cls).labelled_examples(clips), method.labelled_examples(clips)]
    for before, without, example in zip(plain, *made, strict=True):
        assert np.array_equal(before.tokens, without.tokens)
        assert np.array_equal(before.tokens, example.tokens)
        assert without.targets.keys() == {"emotion"}
        empty = example.clip == 17 and cls is MidiBertMethod
        expected = [-1] if empty else of_tokens(example.tokens)
        assert np.array_equal(np.asarray(example.targets[what.name]), expected)
    method.fit(clips[:32], clips[32:], seed=0, progress=silent)
    assert f"valid_{what.name}_accuracy" in method.details()["history"][0]
    assert method.predict_proba(clips).shape == (40, 4)


def test_labels_that_are_not_one_a_token_are_refused(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TASKS, "parity", Task(2))
    labels = {"parity": Derivation("parity", 1, _parity)}  # of another encoding's tokens
    monkeypatch.setattr(MidiBertMethod, "encoding", replace(COMPOUND_WORDS, labels=labels))
    with pytest.raises(ValueError, match=r"clip0.mid: \d+ tokens, but \d+ of parity"):
        tiny(MidiBertMethod, tasks=["parity"]).labelled_examples(clips)


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


def test_a_method_whose_key_would_not_hold_its_start_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    save_checkpoint(tiny(MidiBertMethod).new_backbone(), path)

    class Mine(MidiBertMethod):
        method_name = "majority"  # of which the registry knows no start

    with pytest.raises(UserError, match="majority says no start in its @register_method"):
        tiny(Mine, start=str(path)).new_network(0)


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


def test_velocity_is_no_task_of_midigpt() -> None:
    with pytest.raises(UserError, match="unknown task 'velocity'"):
        tiny(MidiGptMethod, tasks=["velocity"])


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


def test_checkpoints_that_are_shipped_can_be_loaded() -> None:
    assert set(shipped()) == {"midibert-lite", "midigpt-lite"}
    for path in shipped().values():
        _, card = load_checkpoint(path)
        assert card
        assert path.stat().st_size <= 20e6
