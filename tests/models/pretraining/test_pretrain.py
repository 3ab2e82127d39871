from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from bench.clips import Clip
from bench.datasets import GROUP, Dataset, dataset_info, dataset_names, load_dataset
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError, WorkError
from models.checkpoints import load_checkpoint
from models.pretraining.corpora import open_corpus
from models.pretraining.session import run_order
from models.pretraining.training import Pretraining
from tests.models.pretraining.orders import order

if TYPE_CHECKING:
    from models.pretraining.order import Order

#: A file that is a test clip of a dataset elsewhere.
THEIRS = smf_bytes([[SmfNote(240 * i, 240 * i + 200, 60 + i, 64) for i in range(20)]])


def interrupt_after(steps: int, asked: Order) -> None:
    """Run until step `steps` is about to be taken."""
    take_step = Pretraining.take_step

    def step(self: Pretraining) -> tuple[float, int]:
        if self.step == steps:
            raise KeyboardInterrupt
        return take_step(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pretraining, "take_step", step)
        with pytest.raises(WorkError, match="goes on"):
            run_order(asked)


@pytest.mark.parametrize("method", ["midibert", "midigpt"])
def test_a_run_that_was_killed_ends_as_if_it_had_not_been(folder: Path, method: str) -> None:
    whole = order(folder, method)
    run_order(whole)
    killed = replace(whole, output=folder.parent / "killed.safetensors")
    for steps in (2, 5, 7):  # before anything was saved, and twice in between
        interrupt_after(steps, killed)
        assert not killed.target.exists()
    run_order(killed)
    one, card = load_checkpoint(whole.target)
    other, other_card = load_checkpoint(killed.target)
    assert card == other_card
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    left = {path.suffix for path in folder.parent.iterdir() if path.is_file()}
    assert left == {".safetensors", ".md"}


@pytest.mark.parametrize("method", ["midibert", "midigpt"])
@pytest.mark.parametrize("every", [1, 100])
def test_a_run_that_diverges_fails_and_leaves_nothing(
    folder: Path, method: str, every: int
) -> None:
    asked = order(folder, method, lr=1e30, every=every)
    with pytest.raises(
        WorkError, match=r"at step \d of 8 the loss or a weight is not finite; lower --lr"
    ):
        run_order(asked)
    assert not [path for path in folder.parent.iterdir() if path.is_file()]
    run_order(replace(asked, lr=1e-3))


@pytest.mark.parametrize("held_out", [True, False])
def test_a_last_step_that_spoils_the_weights_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, held_out: bool
) -> None:
    take_step = Pretraining.take_step

    def step(self: Pretraining) -> tuple[float, int]:
        taken = take_step(self)
        if not held_out:
            self._valid = []
        if self.step == 8:
            torch.nn.init.constant_(next(self.objective.parameters()), math.inf)
        return taken

    monkeypatch.setattr(Pretraining, "take_step", step)
    with pytest.raises(WorkError, match="at step 8 of 8"):
        run_order(order(folder))
    assert not [path for path in folder.parent.iterdir() if path.is_file()]


def test_another_run_is_never_taken_up(folder: Path) -> None:
    first = order(folder)
    interrupt_after(5, first)
    options = first.options
    other = {name: (value + 1) / 2 if value % 1 else value + 1 for name, value in options.items()}
    assert len(other) > 7
    assert not set(options.items()) & set(other.items())
    others: list[dict[str, Any]] = [{name: value} for name, value in other.items()]
    for changes in (*others, {"corpora": (folder / "below",)}):
        with pytest.raises(UserError, match="unfinished run with another"):
            run_order(replace(first, **changes))
    state = first.target.with_name(first.target.name + ".unfinished")
    whole = state.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for damaged in (whole[:500], flipped):
        state.write_bytes(damaged)
        with pytest.raises(UserError, match="damaged; delete it"):
            run_order(first)


def test_the_card_tells_how_the_weights_came_about(folder: Path) -> None:
    (folder / "bad.mid").write_text("no music")
    run_order(order(folder, licences=("corpus=CC0",), seed=3))
    backbone, card = load_checkpoint(folder.parent / "midibert.safetensors")
    assert backbone.config.width == 16
    assert card["exposure"] == "inductive"
    assert card["held_against"] == {name: dataset_info(name).digest for name in dataset_names()}
    assert card["encoding"] == "compound-1"
    (corpus,) = card["corpora"]
    assert (corpus["pieces"], corpus["bad_files"], corpus["licence"]) == (13, 1, "CC0")
    assert corpus["digest"] == open_corpus(folder).digest()
    assert (card["pieces"], card["held_out_pieces"]) == (11, 1)
    assert (card["steps"], card["seed"], card["transpose"]) == (8, 3, 2)
    assert 0 < card["tokens_seen"] <= 8 * 96
    assert math.isfinite(card["loss"])
    assert math.isfinite(card["valid_loss"])
    page = (folder.parent / "midibert.md").read_text()
    assert "| corpus | 13 |" in page
    assert f"Inductive for {', '.join(dataset_names())}: none of their valid and test" in page
    assert "CC0" in page
    for name, value in order(folder, seed=3).options.items():
        assert card[name] == value
        assert f"{name} {value}" in page
    assert "--corpus corpus --steps 8" in page
    assert str(folder.parent) not in page + str(card)


def test_the_card_shows_names_that_are_no_text(folder: Path) -> None:
    corpus = folder.rename(folder.with_name("\udcff"))
    asked = order(corpus, licences=("\udcff=\udca9 us",))
    run_order(asked)
    card = load_checkpoint(asked.target)[1]
    assert [(c["name"], c["licence"]) for c in card["corpora"]] == [(r"\udcff", r"\udca9 us")]
    assert r"--corpus '\udcff'" in card["command"]
    assert card["command"] in asked.target.with_suffix(".md").read_text()


def test_a_validation_loss_that_does_not_exist_is_not_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = folder.parent / "one"
    one.mkdir()
    (one / "00.mid").write_bytes((folder / "01.mid").read_bytes())
    asked = order(folder, corpora=(one,))
    run_order(asked)
    card, page = load_checkpoint(asked.target)[1], asked.target.with_suffix(".md").read_text()
    assert card["held_out_pieces"] == 0
    assert "valid_loss" not in card
    assert "validation: none, as nothing was held out" in page
    assert "validation: none, as nothing was held out" in capsys.readouterr().out
    assert "None" not in page
    assert "nan" not in page


def test_a_folder_may_be_named_from_where_one_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    here, whole = open_corpus(Path(folder.name)), open_corpus(folder)
    assert here.digest() == whole.digest()
    assert [m.name for m in here.members()] == [m.name for m in whole.members()]
    assert all(member.data for member in here.members())


def theirs() -> Dataset:
    """What a package elsewhere would have."""
    path = Path("theirs.mid")
    clip = Clip("a-clip", "a-song", path, hashlib.sha256(THEIRS).hexdigest(), 0)
    train, valid = ((replace(clip, id=split, song=split, sha256=64 * "0"),) for split in ("t", "v"))
    return Dataset("theirs", "1", train, valid, (clip,), digest="a-digest")


def test_test_clips_of_any_dataset_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = folder.parent / "theirs-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[{GROUP}]\ntheirs = {__name__}:theirs\n")
    monkeypatch.syspath_prepend(folder.parent)
    path = folder / "theirs.mid"
    path.write_bytes(THEIRS)
    with pytest.raises(UserError, match=r"theirs\.mid is the test clip a-clip of theirs"):
        run_order(order(folder))
    path.unlink()
    run_order(order(folder))
    _, card = load_checkpoint(order(folder).target)
    assert card["held_against"]["theirs"] == "a-digest"


def test_music_is_learned(folder: Path) -> None:
    run_order(order(folder, steps=1, dropout=0.0))
    _, before = load_checkpoint(folder.parent / "midibert.safetensors")
    (folder.parent / "midibert.safetensors").unlink()
    run_order(order(folder, steps=60, dropout=0.0, lr=1e-2, warmup_steps=2, every=60))
    _, after = load_checkpoint(folder.parent / "midibert.safetensors")
    assert after["valid_loss"] < before["valid_loss"] - 0.3


def test_minutes_become_steps_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pretraining, "seconds_per_step", lambda _: 0.5)
    timed = order(folder, steps=None, minutes=0.1)
    run_order(timed)
    _, card = load_checkpoint(timed.target)
    assert card["steps"] == 12
    assert " --steps 12 " in card["command"]
    assert "--minutes" not in card["command"]


def test_a_timed_run_that_goes_on_where_steps_take_longer_keeps_its_number_of_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pretraining, "seconds_per_step", lambda _: 0.5)
    timed = order(folder, steps=None, minutes=0.1)
    interrupt_after(7, timed)
    monkeypatch.setattr(Pretraining, "seconds_per_step", lambda _: 0.75)
    run_order(timed)
    _, card = load_checkpoint(timed.target)
    assert card["steps"] == 12
    assert " --steps 12 " in card["command"]


@pytest.mark.parametrize(
    "change", [{"mask_share": 0.5}, {"transpose": 12}, {"stretch": 2.0}, {"dropout": 0.5}]
)
def test_what_is_asked_for_reaches_what_is_learned(folder: Path, change: dict[str, Any]) -> None:
    learned = []
    for changes in ({}, change):
        asked = order(folder, **{"transpose": 0, "stretch": 1.0, "steps": 2, **changes})
        run_order(asked)
        learned.append(load_checkpoint(asked.target)[0].state_dict())
    assert not all(torch.equal(learned[0][name], learned[1][name]) for name in learned[0])


def test_train_splits_are_learned_from_and_no_other_clips(folder: Path) -> None:
    asked = order(folder, corpora=(), train_splits=("synthetic",), steps=1)
    run_order(asked)
    _, card = load_checkpoint(asked.target)
    (corpus,) = card["corpora"]
    clips = load_dataset("synthetic").train
    assert (corpus["name"], corpus["pieces"]) == ("synthetic (train split)", len(clips))
    assert card["pieces"] + card["held_out_pieces"] == len({clip.sha256 for clip in clips})
