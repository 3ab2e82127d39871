"""Every example of a command, in the docs and in the commands' help, as a user would type it."""

from __future__ import annotations

import re
import shlex
import shutil
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import torch
from click.testing import CliRunner

from bench.cells import plan
from bench.cli import cli
from bench.datasets import clip_rows, load_dataset
from bench.execution import run_cell
from bench.methods import silent
from bench.records import DatasetUsed
from bench.registry import find_method
from bench.running import Outcome
from bench.scoring import score_predictions
from bench.store import Store
from bench.suites import load_suite
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.checkpoints import metadata_of, save_checkpoint
from models.checkpoints.finetuned import Card, save_finetuned
from models.checkpoints.weights import write_weights
from models.midibert_method import MultiTaskMidiBert

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.cells import Cell

ROOT = Path(__file__).parents[1]

#: Examples that are only parsed, and why.
NOT_RUN = {
    "bench data *": "wants the datasets",
    "bench pretrain *": "learns for minutes from corpora that are not here",
    "bench finetune *": "trains for minutes",
    "bench checkpoint import *": "wants the released weights",
    "bench * --executor *": "wants a cluster",
    "bench verify results/lite/emopia/my-method *": "wants a method of the reader's",
    "bench report*": "draws for seconds, and is run by tests of its own",
}


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command, such as ("data", "fetch")."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


def find(words: tuple[str, ...]) -> click.Command:
    command: Any = cli
    for word in words:
        command = command.get_command(click.Context(command), word)
    return command


def examples(text: str) -> list[str]:
    """The lines that begin with "bench", without their comments."""
    return [line.partition(" #")[0].strip() for line in re.findall(r"^ *(bench .*)$", text, re.M)]


def in_code(page: Path) -> list[str]:
    """The examples in a page's code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in examples(block)]


COMMANDS = list(commands(cli))
HELP = {line for words in COMMANDS for line in examples(find(words).help or "")}
README = set(in_code(ROOT / "README.md"))
DOCS = {
    line
    for page in (ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"))
    for line in in_code(page)
}
ALL = sorted(HELP | README | DOCS)
RUN = [
    line
    for line in sorted(HELP | README)
    if not any(fnmatchcase(line, pattern) for pattern in NOT_RUN)
]


def parse(line: str) -> None:
    """Have click take a command's options and arguments, and run nothing."""
    command, rest = cli, shlex.split(line)[1:]
    while isinstance(command, click.Group):
        name = rest.pop(0)
        chosen = command.get_command(click.Context(command), name)
        assert chosen is not None, f"no command {name}"
        command = chosen
    command.make_context(line, rest)


def test_every_command_has_an_example() -> None:
    assert len(COMMANDS) > 15
    shown = [tuple(shlex.split(line)[1:]) for line in ALL]
    for words in COMMANDS:
        assert any(example[: len(words)] == words for example in shown), f"bench {' '.join(words)}"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_has_each_example_on_a_line_of_its_own(words: tuple[str, ...]) -> None:
    command = find(words)
    page = command.get_help(click.Context(command))
    assert examples(page) == examples(command.help or "")


def test_nothing_is_left_out_that_is_not_there() -> None:
    for pattern in NOT_RUN:
        assert any(fnmatchcase(line, pattern) for line in ALL), pattern


@pytest.mark.parametrize("line", ALL)
def test_an_example_is_understood(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("wrong", ["score songs/", "run --sute smoke", "ls method", "data fetsh"])
def test_one_that_is_wrong_is_not(wrong: str) -> None:
    with pytest.raises((click.UsageError, AssertionError)):
        parse(f"bench {wrong}")


@pytest.fixture(scope="module")
def network() -> MultiTaskMidiBert:
    """Tiny, and untrained: what examples show does not depend on what it knows."""
    method = MultiTaskMidiBert(width=16, layers=1, heads=2, embedding=4, max_length=64)
    drawn = method.new_network(seed=0)
    method.take(drawn.backbone, drawn.state_dict())
    return method


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, network: MultiTaskMidiBert) -> Path:
    """A folder with what the examples speak of, under the names that they use."""
    home = tmp_path_factory.mktemp("home") / "here"
    home.mkdir()
    clips = load_dataset("synthetic").test
    shutil.copyfile(clips[0].path, home / "song.mid")
    for folder in ("songs", "generated"):
        (home / folder).mkdir()
        for clip in clips[1:3]:
            shutil.copyfile(clip.path, home / folder / clip.path.name)
    answers = [f"{row.clip},{row.label}" for row in clip_rows("emopia") if row.split == "test"]
    (home / "answers.csv").write_text("\n".join(["clip,quadrant", *answers]))
    for cell in plan(load_suite("smoke"), method="majority"):
        record = run_cell(cell, silent)
        for folder in ("results", "../main/results"):
            Store(home / folder).write(cell, record)
    for name in ("midibert-lite", "my"):
        save_checkpoint(network.network.backbone, home / f"{name}.safetensors")
    with torch.device("meta"):  # before a run only the sizes of a start are looked at
        release = MidiBert(MidiBertConfig())
    write_weights(home / "midibert-release.safetensors", {}, metadata_of(release, {}))
    card = Card(
        dataset=DatasetUsed("emopia", "2.2", "", 869, 114, 88),
        suite="lite",
        seed=0,
        key="",
        protocol=1,
        scores=score_predictions([0, 1, 2, 3], [0, 1, 2, 2]),
        best_epoch=1,
        precision="fp32",
        start="random",
        package="",
        device="",
        command="",
    )
    settings = {"width": 16, "layers": 1, "heads": 2, "embedding": 4, "max_length": 64}
    target = home / "mt-midibert-emopia.safetensors"
    save_finetuned(network, find_method("mt-midibert"), settings, target, card)
    return home


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """There, with a network that is shipped, and two GPUs; nothing is fetched, and no cell run."""

    def fetched(name: str, *_: object) -> Path:
        return home / name

    def none_run(_store: Store, cells: Sequence[Cell], *_: object) -> Outcome:
        assert cells
        return Outcome()

    monkeypatch.chdir(home)
    monkeypatch.setattr("bench.datasets.fetch.fetch", fetched)
    monkeypatch.setattr("bench.executors.choose.gpu_names", lambda: ["0", "1"])
    monkeypatch.setattr("bench.cli.progress.run_cells", none_run)
    monkeypatch.setattr("models.checkpoints._SHIPPED", home)
    CliRunner().invoke(cli, ["leaderboard"], catch_exceptions=False)
    return home


def typed(line: str, folder: Path) -> list[str]:
    """The arguments as a shell hands them on: patterns without quotes become names of files."""
    raw = line.split()
    arguments = []
    for word in shlex.split(line)[1:]:
        names = [path.name for path in folder.glob(word)] if "*" in word and word in raw else []
        arguments += sorted(names) or [word]
    return arguments


@pytest.mark.parametrize("line", RUN)
def test_an_example_works(line: str, at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if re.match("bench (show|evaluate) lite/", line):  # of the records that come with the project
        monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, typed(line, at_home))
    assert done.exit_code == 0, (done.output, done.exception)
