from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import bench.datasets
from bench import registry
from bench.cli import cli
from bench.datasets import Dataset, load_dataset
from bench.errors import UserError
from models.checkpoints.finetuned import load_finetuned

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ("width=16", "layers=1", "heads=2", "embedding=4", "max_length=40", "epochs=1")


def theirs() -> Dataset:
    """Some clips of `synthetic` under another name."""
    known = load_dataset("synthetic")
    return Dataset("theirs", "1", known.train[::9], known.valid[::4], known.test[::4])


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("theirs", f"{__name__}:theirs", bench.datasets.GROUP)]
    known = registry.entry_points

    def entry_points(group: str) -> list[EntryPoint]:
        return points if group == bench.datasets.GROUP else list(known(group=group))

    monkeypatch.setattr(registry, "entry_points", entry_points)


@pytest.mark.usefixtures("_installed")
def test_a_network_is_made_from_any_dataset_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    changes = [word for size in SIZES for word in ("--changes", size)]
    words = ["finetune", "midibert", "--suite", "smoke", *changes, "-o", str(path)]
    made = CliRunner().invoke(cli, [*words, "--dataset", "theirs"])
    assert made.exit_code == 0, made.exception
    card = load_finetuned(path).card
    assert (card.dataset.name, card.suite, card.scores.n) == ("theirs", "smoke", 16)
    assert "--dataset theirs --suite smoke" in card.command
    missing = CliRunner().invoke(cli, [*words, "--dataset", "thiers"])
    assert isinstance(missing.exception, UserError)
    assert "did you mean 'theirs'" in str(missing.exception)
