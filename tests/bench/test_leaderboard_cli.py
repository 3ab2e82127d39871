from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner
from genuine import genuine, put, smoke_cell

from bench.cli.leaderboard import leaderboard
from bench.cli.report import report
from bench.cli.show import show
from bench.errors import UserError
from bench.store import Failure
from tests.bench.boards import column, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from click import Command

    from tests.bench.conftest import MakeRecord


@pytest.fixture
def results(tmp_path: Path, make_record: MakeRecord) -> Path:
    folder = tmp_path / "results"
    put(folder, make_record(suite="mine", predicted=(0, 1, 0, 0)))
    return folder


def test_the_command_writes_what_check_accepts(results: Path, tmp_path: Path) -> None:
    board = tmp_path / "board.md"
    arguments = ["--results", str(results), "-o", str(board)]
    assert CliRunner().invoke(leaderboard, arguments).exit_code == 0
    first = board.read_bytes()
    assert CliRunner().invoke(leaderboard, [*arguments, "--check"]).exit_code == 0
    CliRunner().invoke(leaderboard, arguments)
    assert board.read_bytes() == first


def test_check_shows_the_difference_and_writes_nothing(
    results: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    board = tmp_path / "board.md"
    arguments = ["--results", str(results), "-o", str(board)]
    CliRunner().invoke(leaderboard, arguments)
    before = board.read_bytes()
    put(results, make_record("newcomer", suite="mine"))
    outcome = CliRunner().invoke(leaderboard, [*arguments, "--check"])
    assert outcome.exit_code == 1
    assert any(line.startswith("+| newcomer |") for line in outcome.output.splitlines())
    assert board.read_bytes() == before


def test_an_outdated_record_that_was_finished_last_takes_no_place(tmp_path: Path) -> None:
    results = tmp_path / "results"
    for seed in (0, 1):
        put(results, genuine(smoke_cell("midibert", seed)))
    cell = smoke_cell("midibert", 2)
    old = genuine(dataclasses.replace(cell, settings={**cell.settings, "lr": 0.5}))
    late = msgspec.structs.replace(old.provenance, finished="2027-01-01T00:00:00+00:00")
    put(results, msgspec.structs.replace(old, provenance=late))
    board = tmp_path / "board.md"
    outcome = CliRunner().invoke(leaderboard, ["--results", str(results), "-o", str(board)])
    assert "3 records, 1 of them left out" in outcome.output
    assert column(board.read_text(), "### Synthetic", "Seeds")["midibert"] == "2 of 2"
    shown = CliRunner().invoke(show, ["smoke/synthetic/midibert", "--results", str(results)])
    assert "left out: 1, other settings or version of midibert" in shown.output
    before = tmp_path / "before"
    before.mkdir()
    compared = CliRunner().invoke(
        leaderboard, ["--results", str(results), "--compare", str(before)]
    )
    assert "| midibert | – |" in compared.output
    assert "0 → 2" in compared.output


def test_standard_output_is_no_file_to_write(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(leaderboard, ["--results", str(results), "-o", "-"])
    assert isinstance(outcome.exception, UserError)
    assert "-o -: " in str(outcome.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_figures_of_other_records_are_not_linked(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docs/figures").mkdir(parents=True)
    (tmp_path / "docs/figures/mine+emopia-cost.svg").touch()
    monkeypatch.chdir(tmp_path)
    for folder, linked in ((tmp_path, True), (tmp_path / "elsewhere", False)):
        board = folder / "board.md"
        CliRunner().invoke(leaderboard, ["--results", str(results), "-o", str(board)])
        assert (".svg" in board.read_text()) == linked


@pytest.mark.parametrize(
    "flags", [["--check", "--draw"], ["--compare", ".", "--check"], ["--compare", ".", "--draw"]]
)
def test_flags_that_would_be_ignored_are_refused(results: Path, flags: list[str]) -> None:
    outcome = CliRunner().invoke(leaderboard, ["--results", str(results), *flags])
    assert isinstance(outcome.exception, UserError)
    assert "cannot go with" in str(outcome.exception)


@pytest.mark.parametrize("part", ["mine", "mine/emopia", "docs"])
@pytest.mark.parametrize("command", [leaderboard, report])
def test_a_folder_without_records_in_their_places_is_no_folder_of_them(
    results: Path, tmp_path: Path, part: str, command: Command
) -> None:
    (results / "docs").mkdir()
    (results / "docs/suites.md").touch()
    output = tmp_path / "board"
    outcome = CliRunner().invoke(command, ["--results", str(results / part), "-o", str(output)])
    assert isinstance(outcome.exception, UserError)
    assert "name the folder that holds the suites" in str(outcome.exception)
    assert not output.exists()


def test_cells_that_all_failed_are_a_board(tmp_path: Path, make_record: MakeRecord) -> None:
    path = (tmp_path / "results" / make_record().cell.path).with_suffix(".failed.json")
    path.parent.mkdir(parents=True)
    path.write_bytes(msgspec.json.encode(Failure("k", make_record().cell, "too slow", "")))
    board = tmp_path / "board.md"
    CliRunner().invoke(leaderboard, ["--results", str(tmp_path / "results"), "-o", str(board)])
    assert "too slow" in board.read_text()


def test_songs_that_are_not_known_are_said_to_be(
    results: Path, tmp_path: Path, make_record: MakeRecord
) -> None:
    put(results, make_record(suite="mine", dataset="strangers"))
    board = tmp_path / "board.md"
    CliRunner().invoke(leaderboard, ["--results", str(results), "-o", str(board)])
    known, strange = board.read_text().split("### strangers")
    assert "songs of this dataset are not known" in strange
    assert "songs of this dataset are not known" not in known


def test_check_of_a_missing_board_shows_it_all(results: Path, tmp_path: Path) -> None:
    arguments = ["--results", str(results), "-o", str(tmp_path / "none.md"), "--check"]
    outcome = CliRunner().invoke(leaderboard, arguments)
    assert outcome.exit_code == 1
    assert "+# Leaderboard" in outcome.output
    assert not (tmp_path / "none.md").exists()


def test_the_shipped_suites_say_what_is_missing(tmp_path: Path, make_record: MakeRecord) -> None:
    put(tmp_path / "results", make_record("majority", suite="lite", deterministic=True))
    board = tmp_path / "board.md"
    outcome = CliRunner().invoke(
        leaderboard, ["--results", str(tmp_path / "results"), "-o", str(board)]
    )
    assert outcome.exit_code == 0, outcome.output
    seeds = column(board.read_text(), "### EMOPIA", "Seeds")
    assert seeds["majority"] == "deterministic"
    assert seeds["mt-midibert"] == "0 of 10"


def test_a_readme_with_marks_has_the_lite_table(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for record in (
        make_record(),
        make_record(dataset="vgmidi", method="midibert", predicted=(0, 1, 0, 0)),
    ):
        put(tmp_path / "results", record)
    readme = tmp_path / "README.md"
    readme.write_text("# Mine\n\n<!-- board -->\nold\n<!-- end of board -->\n\nThe rest.\n")
    assert CliRunner().invoke(leaderboard, ["--check"]).exit_code == 1

    assert CliRunner().invoke(leaderboard).exit_code == 0
    text = readme.read_text()
    assert text.startswith("# Mine\n")
    assert text.endswith("\n\nThe rest.\n")
    assert "old" not in text
    assert rows_of(text, "<!-- board -->")["midibert"][-3:] == [
        "50.00",
        "47.30 ± 2.81",
        "1 of 10",
    ]
    assert CliRunner().invoke(leaderboard, ["--check"]).exit_code == 0

    readme.write_text(text.replace("50.00", "55.00"))
    checked = CliRunner().invoke(leaderboard, ["--check"])
    assert checked.exit_code == 1
    assert "-| midibert" in checked.output

    readme.write_text("<!-- board -->\n")
    assert "end of board" in str(CliRunner().invoke(leaderboard).exception)


def test_a_folder_that_is_not_there_empties_no_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "leaderboard.md").write_text("# Leaderboard\n")
    for more in ([], ["--check"]):
        error = CliRunner().invoke(leaderboard, ["--results", "resluts", *more]).exception
        assert str(error) == "resluts: there is no such folder of records"
    assert (tmp_path / "leaderboard.md").read_text() == "# Leaderboard\n"


def test_a_readme_without_marks_is_left_alone(
    tmp_path: Path, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "results", make_record(suite="mine"))
    (tmp_path / "README.md").write_bytes(b"# Mine\r\n")
    assert CliRunner().invoke(leaderboard).exit_code == 0
    assert (tmp_path / "README.md").read_bytes() == b"# Mine\r\n"
