from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import CliRunner

from bench.cli import cli
from bench.errors import UserError
from models.backbones import Backbone, BackboneConfig
from models.backbones.kinds import KINDS, Kind
from models.checkpoints import load_checkpoint
from models.commands.pretrain import pretrain
from models.midibert_method import MidiBertMethod, RescaledMidiBert
from models.pretraining import session
from models.pretraining.corpora import open_corpus
from models.pretraining.objectives import MaskedNotes
from models.pretraining.order import Order
from models.pretraining.pieces import divide
from models.pretraining.session import run_order
from models.pretraining.store import stored_tokens
from models.pretraining.training import Pretraining
from models.tokens.compound import SIZES
from models.tokens.encodings import COMPOUND_WORDS
from tests.models.pretraining.orders import TINY, order, recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from models.attention import Block


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to learn from"),
        (["--corpus", "{folder}", "--steps", "1", "--minutes", "1"], "--steps and --minutes"),
        (["--corpus", "{folder}", "--transpose", "40"], "--transpose 40"),
        (["--corpus", "{folder}", "-o", "x.ckpt"], "ends with .safetensors"),
        (["--corpus", "{folder}", "-o", "\udcff.safetensors"], "has to be valid UTF-8"),
        (["--corpus", "no-such-folder"], "no-such-folder: cannot be read"),
        (["--corpus", "{folder}", "--changes", "witdh=8"], "unknown key of --changes 'witdh'"),
        (["--corpus", "{folder}", "--changes", "dropout=0.5"], "unknown key of --changes"),
        (["--corpus", "{folder}", "--device", "gpu"], "setting device='gpu': write auto, cpu"),
        (["--corpus", "{folder}", "--device", "cuda:99"], "device cuda:99: there is no such GPU"),
        (["--corpus", "{folder}", "-o", "{folder}/01.mid/x.safetensors"], "cannot be written"),
        (["--corpus", "{folder}", "--licence", "MIT"], "--licence 'MIT'"),
    ],
)
def test_mistakes_are_told_in_one_line(
    folder: Path, arguments: list[str], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "DEFAULT_MINUTES", 1e-6)  # what is not refused ends soon
    given = [argument.format(folder=folder) for argument in arguments]
    result = CliRunner().invoke(cli, ["pretrain", "midibert", *given])
    assert isinstance(result.exception, UserError)
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("midibart", "did you mean 'midibert'"),
        ("majority", "majority: has no network to train"),
        ("midibert-rescaled", "unknown method 'midibert-rescaled'"),  # the suite has no sizes
    ],
)
def test_a_method_that_cannot_be_pre_trained_is_told(method: str, says: str) -> None:
    result = CliRunner().invoke(cli, ["pretrain", method, "--corpus", "."])
    assert isinstance(result.exception, UserError)
    assert says in str(result.exception)


def test_what_a_method_reads_is_what_its_start_has_learned(folder: Path) -> None:
    suite = folder.parent / "rescaled.toml"
    suite.write_text(
        'name = "rescaled"\ndescription = ""\ndatasets = ["synthetic"]\nseeds = 1\n'
        "[methods.midibert-rescaled]\n"
    )
    asked = order(folder, "midibert-rescaled", suite=str(suite))
    run_order(asked)
    assert load_checkpoint(asked.target)[1]["encoding"] == "compound-rescaled-1"
    sizes: dict[str, Any] = {"width": 16, "layers": 1, "heads": 2, "embedding": 4, "max_length": 24}
    RescaledMidiBert(**sizes, start=str(asked.target)).check()
    with pytest.raises(UserError, match="has learned the encoding 'compound-rescaled-1'"):
        MidiBertMethod(**sizes, start=str(asked.target)).check()


class Pitches(Backbone):
    """A backbone that knows nothing but a note's pitch."""

    kind = "pitches"

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.any_name = torch.nn.Embedding(SIZES[2], config.width)

    def rows(self, tokens: torch.Tensor, blocks: Sequence[Block]) -> torch.Tensor:
        del blocks
        hidden: torch.Tensor = self.any_name(tokens[:, 2].long())
        return hidden


def test_a_third_backbone_is_a_class_and_an_entry(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def masked(backbone: Any, asked: Order) -> MaskedNotes:
        return MaskedNotes(backbone, asked.mask_share)

    def new_backbone(self: MidiBertMethod) -> Pitches:
        sizes = asdict(self.backbone_config())
        del sizes["embedding"]
        return Pitches(BackboneConfig(**sizes))

    monkeypatch.setitem(KINDS, "pitches", Kind(Pitches, BackboneConfig, masked))
    monkeypatch.setattr(MidiBertMethod, "new_backbone", new_backbone)
    asked = order(folder)
    run_order(asked)
    backbone, card = load_checkpoint(asked.target)
    assert isinstance(backbone, Pitches)
    assert card["objective"] == "masked notes"
    learned, held = divide([stored_tokens(open_corpus(folder), COMPOUND_WORDS)])
    run = Pretraining(MaskedNotes(backbone, Order.mask_share), learned, held, recipe())
    decay = {p: g["weight_decay"] for g in run.optimiser.param_groups for p in g["params"]}
    assert decay[backbone.any_name.weight] == 0
    assert decay[run.objective.head.weight] > 0  # type: ignore[union-attr, index]


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--lr", "nan", "'nan' is not a finite number"),
        ("--lr", "inf", "'inf' is not a finite number"),
        ("--minutes", "nan", "'nan' is not a finite number"),
        ("--minutes", "inf", "inf is not in the range"),
        ("--minutes", "1e308", "1e+308 is not in the range"),
        ("--mask-share", "nan", "'nan' is not a finite number"),
        ("--dropout", "nan", "'nan' is not a finite number"),
        ("--stretch", "nan", "'nan' is not a finite number"),
        ("--stretch", "inf", "inf is not in the range 1<=x<=2"),
        ("--seed", "9" * 23, "is not in the range 0<=x<=999999"),
        ("--batch-tokens", "9" * 14, "is not in the range 1<=x<=1000000"),
    ],
)
def test_numbers_out_of_all_bounds_are_refused(option: str, value: str, says: str) -> None:
    result = CliRunner().invoke(cli, ["pretrain", "midibert", option, value])
    assert result.exit_code == 2
    assert f"'{option}'" in result.output
    assert says in result.output


def test_the_command_line_has_the_defaults_of_an_order() -> None:
    asked = Order(**pretrain.make_context("pretrain", ["midibert"]).params)
    assert asked == Order(method="midibert", suite="lite")
    assert asked.command() == "bench pretrain midibert --suite lite"


def test_help_needs_no_torch() -> None:
    code = "import models.commands.pretrain, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line_makes_a_checkpoint(folder: Path) -> None:
    target = folder.parent / "made.safetensors"
    sizes = [word for change in TINY for word in ("--changes", change)]
    result = CliRunner().invoke(
        cli,
        ["pretrain", "midigpt", "--corpus", str(folder), *sizes, "--steps", "2", "-o", str(target)],
        catch_exceptions=False,
    )
    assert result.exit_code == 0
    shown = CliRunner().invoke(cli, ["checkpoint", "info", str(target)], catch_exceptions=False)
    assert '"kind": "midigpt"' in shown.output
    assert '"exposure": "inductive"' in shown.output
