from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.datasets.smf import SmfNote
from bench.derived import Derivation
from bench.errors import UserError
from bench.keys import find_keys
from bench.methods import silent
from models.checkpoints import save_checkpoint
from models.midibert_method import MidiBertMethod, MultiTaskMidiBert
from models.midigpt_method import MidiGptMethod, MultiTaskMidiGpt
from models.multitask import TASKS, Task
from models.tokens.compound import encode_compound
from models.tokens.encodings import COMPOUND_WORDS
from models.tokens.performance import encode_performance
from tests.models.small import clip, tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.clips import Clip
    from bench.midi import Midi
    from models.neural_method import NeuralMethod

pytestmark = pytest.mark.usefixtures("own_cache")


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


def test_velocity_is_no_task_of_midigpt() -> None:
    with pytest.raises(UserError, match="unknown task 'velocity'"):
        tiny(MidiGptMethod, tasks=["velocity"])
