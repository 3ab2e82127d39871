from __future__ import annotations

import re
from typing import TYPE_CHECKING

from click.testing import CliRunner
from genuine import put
from msgspec.structs import replace

from bench.cli.leaderboard import leaderboard
from bench.errors import UserError
from bench.report.difference import render_difference
from bench.store import Failure
from tests.bench.boards import LABELS, with_hits

if TYPE_CHECKING:
    from pathlib import Path

    from bench.records import Record
    from tests.bench.conftest import MakeRecord


def rows(text: str) -> dict[str, list[str]]:
    """The cells of all tables, by their first column."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {first: cells for first, *cells in lines if first not in (":--", "Method")}


def test_only_rows_that_change_are_told(make_record: MakeRecord) -> None:
    same = make_record("same", labels=LABELS, predicted=with_hits(9))
    gone = make_record("gone", labels=LABELS, predicted=with_hits(5))
    new = make_record("new", suite="paper", labels=LABELS, predicted=with_hits(20))
    old, better = (make_record("better", labels=LABELS, predicted=with_hits(n)) for n in (10, 14))
    second = make_record("better", seed=1, labels=LABELS, predicted=with_hits(16))
    text = render_difference([same, gone, old], [same, better, second, new])
    assert "Records: 2 new, 1 changed, 1 gone; 4 in all." in text
    assert "### Suite paper, EMOPIA" in text
    told = rows(text)
    assert sorted(told) == ["better", "gone", "new"]
    assert told["better"][:3] == ["50.00", "75.00 ± 7.07", "+25.00"]
    assert told["better"][-1] == "1 → 2"
    assert told["gone"][:3] == ["25.00", "–", "–"]
    assert told["new"][:3] == ["–", "100.00", "–"]
    assert told["new"][-1] == "0 → 1"


def test_an_unchanged_board_is_said_to_be_one(make_record: MakeRecord) -> None:
    before = [make_record(labels=LABELS, predicted=with_hits(9))]
    later = [make_record(labels=LABELS, predicted=with_hits(9), finished="2027-01-01T00:00:00")]
    text = render_difference(before, later)
    assert "Records: 0 new, 1 changed, 0 gone; 1 in all." in text
    assert "No row of the board changes." in text
    assert not rows(text)


def test_a_row_changes_with_its_answers_and_with_its_keys(make_record: MakeRecord) -> None:
    record, rerun = (make_record(labels=LABELS, predicted=with_hits(n)) for n in (9, 10))
    assert rerun.key == record.key
    assert list(rows(render_difference([record], [rerun]))) == ["alpha"]
    renamed = replace(record, key="of other settings")
    assert list(rows(render_difference([record], [renamed]))) == ["alpha"]


def test_every_column_is_a_score_of_its_own(make_record: MakeRecord) -> None:
    # What is always right leaves no doubt.
    worst, best = (make_record(labels=LABELS, predicted=with_hits(n)) for n in (0, 20))
    told = rows(render_difference([worst], [best]))["alpha"]
    assert told[:4] == ["0.00", "100.00", "+100.00", "100.0 to 100.0"]
    assert told[4:] == ["0.000", "1.000", "+1.000", "1 → 1"]


def test_songs_decide_how_sure_one_can_be(make_record: MakeRecord) -> None:
    before, after = (make_record(labels=LABELS, predicted=with_hits(n)) for n in (0, 10))

    def width(songs: dict[str, str]) -> float:
        told = rows(render_difference([before], [after], songs={"emopia": songs}))["alpha"]
        low, high = told[3].split(" to ")
        return float(high) - float(low)

    assert width({f"clip-{i}": str(i // 5) for i in range(20)}) > 1.3 * width({})


def test_suites_stand_as_on_the_board(make_record: MakeRecord) -> None:
    suites = ("smoke", "mine", "lite", "paper")
    text = render_difference([make_record(suite="mine")], [make_record(suite=s) for s in suites])
    assert re.findall("### Suite ([a-z]+)", text) == ["paper", "lite", "smoke"]


def test_variants_stand_beside_their_method(make_record: MakeRecord) -> None:
    plain = make_record(labels=LABELS, predicted=with_hits(9))
    changed = make_record(changes={"epochs": 3}, labels=LABELS, predicted=with_hits(9))
    assert list(rows(render_difference([plain], [plain, changed]))) == ["alpha (epochs = 3)"]


def test_a_method_that_overtakes_moves_ranks(make_record: MakeRecord) -> None:
    labels = LABELS * 5

    def seeds(method: str, hits: int) -> list[Record]:
        predicted = with_hits(hits) * 5
        return [make_record(method, seed=s, labels=labels, predicted=predicted) for s in range(3)]

    before = [*seeds("first", 14), *seeds("last", 1)]
    text = render_difference(before, [*before, *seeds("newcomer", 20)])
    assert "Ranks that change: first 1 → 2; last 2 → 3; newcomer – → 1." in text


def test_what_may_not_stand_on_the_board_and_what_failed_is_told(make_record: MakeRecord) -> None:
    known = make_record("known", protocol=0)
    stray = make_record("stray", protocol=0)
    good = make_record()
    failure = Failure("key", stray.cell, "out of memory | <b>", "")
    text = render_difference([known, good], [known, good, stray], [failure])
    assert "measured by protocol 0; the board shows protocol 1: 1 more" in text
    assert r"out of memory \| &lt;b&gt;" in text
    assert "No row of the board changes." in text


def test_records_left_out_of_several_rows_are_summed(make_record: MakeRecord) -> None:
    strays = [make_record(name, protocol=0, seed=s) for name in ("one", "two") for s in range(3)]
    text = render_difference([make_record()], [make_record(), *strays[:4]])
    assert "the board shows protocol 1: 4 more" in text


def test_names_from_strangers_are_no_markup(make_record: MakeRecord) -> None:
    evil = make_record(changes={"note": "<img src=x> [a](https://b) | *c*"})
    text = render_difference([], [evil])
    assert "<img" not in text
    assert r"\[a\](https\://b)" in text


def test_two_folders_are_compared_and_nothing_is_written(
    tmp_path: Path, make_record: MakeRecord
) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, records in ((before, [make_record()]), (after, [make_record(), make_record("b")])):
        for record in records:
            put(folder, record)
    ask = ["--results", str(after), "-o", str(tmp_path / "board.md"), "--compare"]
    result = CliRunner().invoke(leaderboard, [*ask, str(before)], catch_exceptions=False)
    assert result.output.startswith("## What this does to the board\n\nRecords: 1 new, 0 changed")
    assert list(rows(result.output)) == ["b"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["after", "before"]
    absent = CliRunner().invoke(leaderboard, [*ask, str(tmp_path / "absent")])
    assert isinstance(absent.exception, UserError)
