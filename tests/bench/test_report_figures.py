from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from genuine import put

from bench.cli.leaderboard import leaderboard
from bench.report.figures import KINDS, figure_name, write_figures
from bench.report.findings import Findings

if TYPE_CHECKING:
    from pathlib import Path

    from bench.records import Record
    from tests.bench.conftest import MakeRecord

pytest.importorskip("matplotlib", reason="figures need the optional matplotlib")

LABELS = [0, 1, 2, 3] * 5


@pytest.fixture
def records(make_record: MakeRecord) -> list[Record]:
    """Two models with every set of tasks, trained for different numbers of epochs."""
    told = []
    for seed in range(2):
        for i, tasks in enumerate(([], ["key"], ["velocity"], ["key", "velocity"])):
            told.append(
                make_record(
                    "mt-midibert" if i == 3 else "midibert",
                    seed=seed,
                    labels=LABELS,
                    predicted=[q if k < 10 + 2 * i + seed else 0 for k, q in enumerate(LABELS)],
                    settings={"tasks": tasks} if i == 3 else {},
                    changes={"tasks": tasks} if i in (1, 2) else {},
                    details={"history": [{"valid_macro_f1": 0.1 * e} for e in range(3 + seed)]},
                )
            )
    return told


def test_every_figure_is_drawn_and_is_the_same_twice(records: list[Record], tmp_path: Path) -> None:
    first = write_figures(Findings.of(records), tmp_path / "one")
    second = write_figures(Findings.of(records[::-1]), tmp_path / "two")
    assert [path.name for path in first] == [figure_name("lite", "emopia", kind) for kind in KINDS]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert len(one.read_bytes()) < 100_000


def texts(path: Path) -> set[str]:
    root = ET.fromstring(path.read_text())  # noqa: S314  # our own file
    return {"".join(e.itertext()).strip() for e in root.iter("{http://www.w3.org/2000/svg}text")}


def test_figures_say_what_they_show(records: list[Record], tmp_path: Path) -> None:
    shown = {path.name: texts(path) for path in write_figures(Findings.of(records), tmp_path)}
    grid = {"none", "key", "velocity", "key + velocity"}
    assert grid <= shown["lite+emopia-ablation.svg"]
    assert grid | {"Q1", "Q4", "Predicted"} <= shown["lite+emopia-confusion.svg"]
    for kind in ("accuracy", "learning", "cost"):
        assert {"midibert", "mt-midibert"} <= shown[f"lite+emopia-{kind}.svg"]


def test_only_what_there_is_is_drawn(make_record: MakeRecord, tmp_path: Path) -> None:
    written = write_figures(Findings.of([make_record()]), tmp_path)
    assert [path.name for path in written] == ["lite+emopia-accuracy.svg"]


def test_of_variants_alone_no_method_is_drawn(make_record: MakeRecord, tmp_path: Path) -> None:
    assert write_figures(Findings.of([make_record(changes={"epochs": 1})]), tmp_path) == []


def test_hostile_names_neither_break_nor_script_nor_escape(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    name = "../<script>$\\frac{</script>"
    written = write_figures(
        Findings.of([make_record(name, dataset=name, suite=name)]), tmp_path / "f"
    )
    for path in written:
        assert path.parent == tmp_path / "f"
        assert "<script" not in path.read_text()
        assert name in texts(path)


def test_the_board_links_the_figures_that_are_there(records: list[Record], tmp_path: Path) -> None:
    for record in records:
        put(tmp_path / "results", record)
    board, figures = tmp_path / "board.md", tmp_path / "docs" / "figures"
    arguments = ["--results", str(tmp_path / "results"), "-o", str(board)]
    arguments += ["--figures", str(figures)]
    assert CliRunner().invoke(leaderboard, arguments).exit_code == 0
    assert "![" not in board.read_text()
    assert CliRunner().invoke(leaderboard, [*arguments, "--draw"]).exit_code == 0
    for kind in KINDS:
        assert f"](docs/figures/lite+emopia-{kind}.svg)" in board.read_text()
    assert CliRunner().invoke(leaderboard, [*arguments, "--check"]).exit_code == 0


def drawn(records: list[Record], folder: Path, kind: str) -> Path:
    """One figure of the only board of some records."""
    (path,) = (p for p in write_figures(Findings.of(records), folder) if f"-{kind}." in p.name)
    return path


def diamonds(path: Path) -> list[str]:
    """What the paper's diamonds are filled with."""
    return re.findall(r"<use [^>]*style=\"fill: (#\w+); stroke: #c2570c", path.read_text())


@pytest.mark.parametrize(
    ("method", "n", "filled"),
    [("midigpt", 88, ["#c2570c"]), ("midigpt", 20, ["#ffffff"]), ("midibert", 88, ["#ffffff"])],
)
def test_diamonds_are_hollow_where_the_paper_scored_other_items(
    make_record: MakeRecord, tmp_path: Path, method: str, n: int, filled: list[str]
) -> None:
    labels = [i % 4 for i in range(n)]
    record = make_record(method, labels=labels, predicted=labels)
    assert diamonds(drawn([record], tmp_path, "accuracy")) == filled


def test_a_strangers_ablation_has_no_diamonds(make_record: MakeRecord, tmp_path: Path) -> None:
    def found(suite: str) -> int:
        records = [
            make_record("midibert", suite=suite, changes={"tasks": tasks} if tasks else {})
            for tasks in ([], ["key"], ["velocity"])
        ]
        return len(diamonds(drawn(records, tmp_path / suite, "ablation")))

    assert (found("lite"), found("theirs")) == (3, 0)


def test_of_several_ablations_the_papers_is_drawn(make_record: MakeRecord, tmp_path: Path) -> None:
    sets = {"alpha": ([], ["a"], ["b"]), "midibert": ([], ["key"])}
    records = [
        make_record(method, changes={"tasks": tasks} if tasks else {})
        for method, of_method in sets.items()
        for tasks in of_method
    ]
    shown = texts(drawn(records, tmp_path, "ablation"))
    assert "key" in shown
    assert not {"a", "b"} & shown


def heights(path: Path, width: float) -> list[list[float]]:
    """The heights of the points of all curves that are as wide."""
    curves = re.findall(rf'<path d="([^"]*)"[^>]*stroke-width: {width}[;"]', path.read_text())
    return [[float(y) for y in re.findall(r"[ML] \S+ (\S+)", curve)] for curve in curves]


def test_the_thick_curve_is_the_mean_while_half_of_the_seeds_are_in_training(
    make_record: MakeRecord, tmp_path: Path
) -> None:
    curves = [[0.0, 1.0, 0.5], [0.4, 0.2], [0.8, 0.0], [0.4, 0.8, 0.2, 0.9, 0.1]]
    records = [
        make_record(seed=seed, details={"history": [{"valid_macro_f1": v} for v in curve]})
        for seed, curve in enumerate(curves)
    ]
    path = drawn(records, tmp_path, "learning")
    zero, one, *_ = heights(path, 0.4)[0]
    mean = [(y - zero) / (one - zero) for y in heights(path, 1.6)[0]]
    assert mean == pytest.approx([0.4, 0.5, 0.35], abs=1e-4)
