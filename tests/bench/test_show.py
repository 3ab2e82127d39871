from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from genuine import put
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cli.data import info
from bench.cli.show import show
from bench.errors import UserError
from bench.records import CellIdentity
from bench.report.find import cell_names
from bench.report.show import curves, sparkline

if TYPE_CHECKING:
    from pathlib import Path

    from click import Command

    from tests.bench.conftest import MakeRecord


@pytest.fixture
def results(tmp_path: Path, make_record: MakeRecord) -> Path:
    records = [
        make_record(
            seed=seed,
            predicted=(0, 1, 2, seed % 4),
            segments=[[0], [1], [2, 2], [3]],
            settings={"lr": 0.25},
            details={"best_epoch": 7, "history": [{"valid_f1": 0.25}, {"valid_f1": 0.75}]},
        )
        for seed in (0, 1, 12)
    ]
    for record in [*records, make_record("solo", changes={"tasks": ["key"]})]:
        put(tmp_path, record)
    failed = tmp_path / "lite/emopia/solo/seed-4.failed.json"
    failed.parent.mkdir(parents=True)
    failed.write_text(
        '{"key": "k", "cell": {"suite": "lite", "dataset": "emopia", "method": "solo", "seed": 4},'
        ' "reason": "out of memory", "log": "first line\\nlast [red]line"}'
    )
    return tmp_path


def shown(results: Path, cell: str) -> str:
    outcome = CliRunner().invoke(show, [cell, "--results", str(results)], env={"COLUMNS": "120"})
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0
    return outcome.output


@pytest.mark.parametrize("cell", ["lite/emopia/alpha/1", "lite/emopia/alpha/seed-1"])
def test_a_cell_shows_scores_history_settings_and_provenance(results: Path, cell: str) -> None:
    text = shown(results, cell)
    for words in (
        "alpha on emopia, suite lite, seed 1",
        "75.00",  # over clips
        "100.00",  # over segments
        "1 (100 %)",
        "▁█",
        "0.25 → 0.75",
        "best_epoch",
        "a CPU",
        "numpy 2.0",
    ):
        assert words in text


def test_a_cell_is_shown_by_its_path(results: Path) -> None:
    path = results / "lite/emopia/alpha/seed-1.json"
    assert shown(results / "elsewhere", str(path)) == shown(results, "lite/emopia/alpha/1")


@pytest.mark.parametrize(
    ("command", "arguments", "words"),
    [
        (show, ["lite/emopia/alpha", "--results", "{}"], ["75.00 ± 0.00", "1 (100 %)", "12.5"]),
        (show, ["lite/emopia/alpha/1", "--results", "{}"], ["100.00", "1 (100 %)", "0.25 → 0.75"]),
        (info, ["vgmidi"], ["4,867", "left-out", "2,913"]),
    ],
)
def test_no_number_is_cut_on_a_narrow_terminal(
    results: Path, command: Command, arguments: list[str], words: list[str]
) -> None:
    outcome = CliRunner().invoke(
        command,
        [argument.format(results) for argument in arguments],
        env={"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "30"},
    )
    text = re.sub(r"\x1b\[[\d;]*m", "", outcome.output)
    assert "…" not in text
    assert [word for word in words if word not in text] == []


def test_a_method_shows_all_its_seeds(results: Path) -> None:
    text = shown(results, "lite/emopia/alpha")
    assert [line.split()[0] for line in text.splitlines() if "12.5" in line] == ["0", "1", "12"]
    assert "75.00 ± 0.00" in text
    assert "mean ± std" in text


def test_records_that_the_board_leaves_out_are_no_part_of_the_mean(
    results: Path, make_record: MakeRecord
) -> None:
    old = make_record(seed=5, predicted=(3, 3, 3, 3), protocol=0, settings={"lr": 0.25})
    put(results, old)
    text = shown(results, "lite/emopia/alpha")
    assert "75.00 ± 0.00" in text
    assert "left out: 1, measured by protocol 0" in text


def test_a_single_seed_is_shown_in_full(results: Path) -> None:
    assert "Provenance" in shown(results, "lite/emopia/solo+tasks=key")


def test_of_a_start_is_told_which_it_was_and_no_more(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    start = {"checkpoint": "a.safetensors", "sha256": 64 * "b", "exposure": "inductive"}
    record = make_record(details={"start": {**start, "command": "bench pretrain", "corpora": []}})
    text = shown(tmp_path, str(put(tmp_path, record, at="r.json")))
    assert "a.safetensors, sha256 bbbbbbbbbbbb, inductive" in text
    assert "pretrain" not in text


def test_a_failed_cell_shows_why(results: Path) -> None:
    text = shown(results, "lite/emopia/solo/4")
    assert "failed: out of memory" in text
    assert "first line\nlast [red]line" in text


def test_a_failure_is_told_before_the_older_record_that_it_left(
    results: Path, make_record: MakeRecord
) -> None:
    failed = results / "lite/emopia/solo/seed-4.failed.json"
    old = make_record("solo", seed=4, predicted=(0, 0, 0, 0))
    put(results, old)
    text = shown(results, "lite/emopia/solo/4")
    assert text.index("failed: out of memory") < text.index("An older record") < text.index("25.00")
    alone = shown(results, str(failed))
    assert "failed: out of memory" in alone
    assert "25.00" not in alone


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("lite/emopa/alpha/1", "lite/emopia/alpha/seed-1"),
        ("lite/emopia/alpa", "lite/emopia/alpha"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(results: Path, wrong: str, near: str) -> None:
    with pytest.raises(UserError, match=f"did you mean '{near}'"):
        shown(results, wrong)


def test_a_name_in_the_right_form_is_not_told_its_form(results: Path) -> None:
    for name in (f"{20 * 'u'}/v/w", f"{20 * 'u'}/v/w/0"):
        with pytest.raises(UserError, match="there are others, such as 'lite/emopia/alpha'"):
            shown(results, name)
    with pytest.raises(UserError, match="write suite/dataset/method"):
        shown(results, "z")


def test_without_records_the_command_to_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no records"):
        shown(tmp_path, "lite/emopia/alpha")


def test_every_listed_name_can_be_shown(results: Path) -> None:
    names = cell_names(results)
    assert names == [
        "lite/emopia/alpha",
        "lite/emopia/alpha/seed-0",
        "lite/emopia/alpha/seed-1",
        "lite/emopia/alpha/seed-12",
        "lite/emopia/solo+tasks=key",
        "lite/emopia/solo+tasks=key/seed-0",
        "lite/emopia/solo/seed-4",
    ]
    assert all(shown(results, name) for name in names)


def test_names_and_logs_cannot_steer_the_terminal(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record("x", details={"note": "\x1b]0;owned\x07 [bold]x"})
    text = shown(tmp_path, str(put(tmp_path, record, at="r.json")))
    assert "\x1b" not in text
    assert "[bold]x" in text
    assert record.cell == CellIdentity("lite", "emopia", "x", 0)


def test_sparklines_span_from_lowest_to_highest() -> None:
    assert sparkline([0, 1, 0.5]) == "▁█▅"
    assert sparkline([3, 3]) == "▁▁"
    assert sparkline([1, float("nan"), 2]) == "▁ █"
    assert sparkline([]) == ""


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=700))
def test_sparklines_are_never_wider_than_sixty(values: list[float]) -> None:
    assert 1 <= len(sparkline(values)) <= 60


def test_histories_are_read_by_epoch_and_by_column() -> None:
    by_column = curves({"loss": [2, 1], "note": ["a", "b"], "lr": 3})
    assert by_column == curves([{"loss": 2, "note": "a"}, {"loss": 1, "note": "b"}])
    assert by_column == {"loss": [2.0, 1.0]}
    assert curves("nothing") == {}
    assert curves(None) == {}
