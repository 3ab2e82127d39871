"""`bench verify`, and what the other commands make of a broken record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from genuine import flipped, genuine, put, smoke_cell, with_predictions

from bench.cli import main
from bench.execution import run_cell
from bench.methods import silent
from bench.records import encode_record

if TYPE_CHECKING:
    from pathlib import Path

KEY_MODE = genuine(smoke_cell("key-mode"))
MIDIBERT = genuine(smoke_cell("midibert"))


class Bench:
    """The command line, as far as its exit code."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: object) -> tuple[int, list[str], list[str]]:
        """Exit code, lines of stdout, lines of stderr."""
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = self._capfd.readouterr()
        return int(ended.value.code or 0), out.splitlines(), err.splitlines()


@pytest.fixture
def bench(capfd: pytest.CaptureFixture[str]) -> Bench:
    return Bench(capfd)


def test_right_records_are_counted(bench: Bench, tmp_path: Path) -> None:
    put(tmp_path, KEY_MODE)
    put(tmp_path, MIDIBERT)
    assert bench("verify", tmp_path) == (0, ["2 records checked, none wrong"], [])


def test_the_folder_results_is_looked_at_by_default(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "results", KEY_MODE)
    monkeypatch.chdir(tmp_path)
    assert bench("verify") == (0, ["1 records checked, none wrong"], [])


def test_every_problem_is_told_on_a_line_that_names_the_file(bench: Bench, tmp_path: Path) -> None:
    forged = msgspec.structs.replace(
        KEY_MODE, protocol=9, scores=msgspec.structs.replace(KEY_MODE.scores, accuracy=0.99)
    )
    first = put(tmp_path, forged)
    second = put(tmp_path, MIDIBERT)
    second.write_text("{")
    code, out, err = bench("verify", tmp_path)
    assert (code, err) == (1, ["bench: 2 records checked, 2 wrong"])
    assert [line.partition(": ")[0] for line in out] == [
        *[str(first)] * (len(out) - 1),
        str(second),
    ]
    assert any("accuracy is 0.99" in line for line in out)
    assert any("protocol 9" in line for line in out)


def test_notes_are_told_once_for_all_records(bench: Bench, tmp_path: Path) -> None:
    first = put(tmp_path, KEY_MODE, seal=False)
    put(tmp_path, MIDIBERT, seal=False)
    code, out, _ = bench("verify", tmp_path)
    assert code == 0
    (line,) = (line for line in out if line.startswith("note: no digest"))
    assert line.endswith(f"({first} and 1 more)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "absent: no such file or folder"),
        (["."], "holds no records"),
        (["--rerun", "-1"], "-1"),
        (["--draw", "ab"], "--draw says which cells --rerun takes: give both"),
    ],
)
def test_a_mistake_has_exit_code_2(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = bench("verify", *arguments)
    assert code == 2
    assert message in err[-1]


def test_no_name_in_a_record_or_path_reaches_the_terminal_as_it_is(
    bench: Bench, tmp_path: Path
) -> None:
    content = json.loads(encode_record(KEY_MODE))
    content["predictions"][0]["clip"] = "\x1b[2J\nbench: 1 records checked, none wrong" + "x" * 9999
    path = tmp_path / "smoke\x1b[2J\n.json"
    path.write_text(json.dumps(content))
    code, out, _ = bench("verify", path)
    assert code == 1
    assert not any("\x1b" in line or line.startswith("bench:") for line in out)
    assert max(map(len, out)) < 500


def test_a_rerun_catches_what_nothing_else_can(bench: Bench, tmp_path: Path) -> None:
    right = run_cell(smoke_cell("majority"), silent)
    first, *others = right.predictions
    wrong = [msgspec.structs.replace(first, p=[0.0, 0.0, 0.0, 1.0]), *others]
    mine = msgspec.structs.replace(right.cell, suite="mine")
    put(tmp_path, right)
    forged = put(
        tmp_path, msgspec.structs.replace(with_predictions(right, wrong), cell=mine)
    )  # with the scores and the digest that follow
    assert bench("verify", tmp_path)[0] == 0
    code, out, err = bench("verify", tmp_path, "--rerun", "3")
    assert (code, err[-1]) == (1, "bench: 2 records checked, 1 wrong")
    assert any(line.startswith("2 of 2 valid records are rerun") for line in out)
    assert out[-1].startswith(f"{forged}: its re-run predicts otherwise for 1 of 64 clips")


def test_which_cells_are_run_again_is_drawn_and_can_be_drawn_again(
    bench: Bench, tmp_path: Path
) -> None:
    right = run_cell(smoke_cell("majority"), silent)
    for i in range(12):
        cell = msgspec.structs.replace(right.cell, suite=f"mine-{i}")
        put(tmp_path, msgspec.structs.replace(right, cell=cell))

    def drawn(*arguments: str) -> tuple[str, str]:
        """The draw, and the record that is run again."""
        _, out, err = bench("verify", tmp_path, "--rerun", "1", *arguments)
        (line,) = (line for line in out if line.startswith("1 of 12 valid records are rerun"))
        (ran,) = (line for line in err if "/majority/seed-0" in line)
        return line.partition("--draw ")[2].split()[0], ran.split()[1]

    draw, record = drawn()
    assert drawn("--draw", draw) == (draw, record)
    assert drawn()[0] != draw


def test_settings_that_no_method_has_are_the_records_mistake(bench: Bench, tmp_path: Path) -> None:
    cell = replace(smoke_cell("majority"), suite="mine", settings={"foo": 1}, changes={"foo": 1})
    strange = put(tmp_path, genuine(cell))
    right = run_cell(smoke_cell("key-mode"), silent)
    put(tmp_path, right)
    code, out, err = bench("verify", tmp_path, "--rerun", "2")
    assert (code, err[-1]) == (1, "bench: 2 records checked, 1 wrong")
    assert out[-1].startswith(f"{strange}: its re-run failed: unknown setting of majority 'foo'")


def test_wrong_records_are_not_run_again(bench: Bench, tmp_path: Path) -> None:
    put(tmp_path, msgspec.structs.replace(KEY_MODE, key="0" * 24))
    code, out, _ = bench("verify", tmp_path, "--rerun", "1")
    assert code == 1
    assert out[-1] == "no valid record can be rerun here"


@pytest.mark.parametrize("command", ["leaderboard", "show"])
def test_one_broken_record_costs_other_commands_one_line(
    bench: Bench, tmp_path: Path, command: str
) -> None:
    put(tmp_path, MIDIBERT)
    broken = put(tmp_path, genuine(smoke_cell("midibert", 1)))
    arguments = ["-o", tmp_path / "board.md"] if command == "leaderboard" else []
    if command == "show":
        arguments = ["smoke/synthetic/midibert"]
    for content in (b"{", b"[" * 10**5, encode_record(flipped(MIDIBERT)).replace(b"0.", b"1.")):
        broken.write_bytes(content)
        code, out, err = bench(command, *arguments, "--results", tmp_path)
        assert (code, out, len(err)) == (2, [], 1)
        assert err[0].startswith(f"bench: {broken}: ")
    assert not (tmp_path / "board.md").exists()


def test_strangers_words_do_not_script_the_board(bench: Bench, tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    content = json.loads(encode_record(genuine(smoke_cell("midibert", 0, note=script))))
    content["details"] = {"note": f"{script} [x](javascript:y)\n\n# Heading"}
    content["predictions"][0]["clip"] = script
    content["dataset"]["version"] = content["method"]["encoding"] = script
    content["provenance"]["device"] = script
    path = tmp_path / "smoke/synthetic/midibert/seed-0.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(content))
    board = tmp_path / "board.md"
    assert bench("leaderboard", "--results", tmp_path, "-o", board)[0] == 0
    text = board.read_text()
    assert "alert" in text
    assert "<script" not in text
    assert "](javascript" not in text.replace(r"\](javascript", "")
    assert "# Heading" not in [line.strip() for line in text.splitlines()]
    code, out, _ = bench("show", path)
    assert (code, "alert(1)" in " ".join(out)) == (0, True)
