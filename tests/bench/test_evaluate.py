"""`bench evaluate`: answers from elsewhere, and those of records, beside a board's."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from click.testing import CliRunner
from genuine import genuine, put, smoke_cell

from bench.cli.evaluate import evaluate
from bench.datasets import clip_rows
from bench.errors import UserError
from bench.labels import QUADRANTS
from bench.predictions import read_predictions
from bench.report.show import figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from bench.records import Record
    from tests.bench.conftest import MakeRecord

TEST = [row for row in clip_rows("synthetic") if row.split == "test"]
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [genuine(smoke_cell("midibert", seed)) for seed in SEEDS]


@pytest.fixture
def results(tmp_path: Path, records: Sequence[Record]) -> Path:
    for record in [*records, *(genuine(smoke_cell("midigpt", seed)) for seed in SEEDS)]:
        put(tmp_path / "results", record)
    return tmp_path / "results"


def written(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def probabilities(path: Path, records: Iterable[Record]) -> Path:
    """What records answered, with seeds that are numbered otherwise."""
    rows = [(p.clip, 40 + r.cell.seed, *p.p) for r in records for p in r.predictions]
    return written(path, ("clip", "seed", *QUADRANTS), rows)


def right(path: Path, *lines: str) -> Path:
    """The right answers, and lines after them."""
    rows = "\n".join(f"{row.clip},{row.label}" for row in TEST)
    path.write_text("\n".join(["clip,quadrant", rows, *lines]) + "\n")
    return path


def told(*arguments: object, code: int = 0, **variables: str) -> str:
    outcome = CliRunner().invoke(evaluate, [*map(str, arguments)], env=variables)
    if outcome.exception and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == code
    return outcome.output


def lines_of(text: str) -> dict[str, list[str]]:
    """Words of each line after its first."""
    words = (line.split() for line in text.splitlines())
    return {first: rest for first, *rest in filter(None, words)}


def test_a_records_answers_get_its_scores(
    tmp_path: Path, results: Path, records: list[Record]
) -> None:
    file = probabilities(tmp_path / "answers.csv", records)
    text = told(file, "--dataset", "synthetic", "--suite", "smoke", "--results", results)
    lines = lines_of(text)
    for record in records:
        scores = record.scores
        assert lines[str(40 + record.cell.seed)] == [
            figure("accuracy", scores.accuracy),
            figure("macro_f1", scores.macro_f1),
            figure("valence_accuracy", scores.valence_accuracy),
            figure("arousal_accuracy", scores.arousal_accuracy),
        ]
    assert "0.00" in lines["midibert"], "no difference to the records themselves"
    assert {"midibert", "midigpt"} <= lines.keys()


def test_neither_the_order_of_rows_nor_other_columns_matter(
    tmp_path: Path, records: list[Record]
) -> None:
    rows = clip_rows("synthetic")
    plain = read_predictions(probabilities(tmp_path / "plain.csv", records), rows)
    shuffled = [("x", *reversed(p.p), r.cell.seed, p.clip) for r in records for p in r.predictions]
    shuffled = [shuffled[i] for i in np.random.default_rng(0).permutation(len(shuffled))]
    columns = ("note", *reversed(QUADRANTS), "seed", "clip")
    other = read_predictions(written(tmp_path / "other.csv", columns, shuffled), rows)
    assert (other.answers == plain.answers).all()
    assert other.clips == plain.clips == tuple(row.clip for row in TEST)
    assert (plain.seeds, other.seeds) == ((40, 41, 42), SEEDS)


def test_answers_may_be_quadrants_and_rows_of_other_splits_may_be_there(tmp_path: Path) -> None:
    trained = next(row for row in clip_rows("synthetic") if row.split == "train")
    file = right(tmp_path / "right.csv", f"{trained.clip},whatever")
    read = read_predictions(file, clip_rows("synthetic"))
    assert (read.answers == read.labels).all()
    assert read.answers.shape == (1, len(TEST))


def test_one_run_says_nothing_of_others_unless_no_seed_matters(
    tmp_path: Path, results: Path
) -> None:
    options = ("--dataset", "synthetic", "--suite", "smoke", "--results", results)
    file = right(tmp_path / "right.csv")
    assert "no test" in told(file, *options)
    assert "no test" not in told(file, *options, "--deterministic")


def test_without_records_there_are_scores_alone(tmp_path: Path) -> None:
    file = right(tmp_path / "right.csv")
    (tmp_path / "empty").mkdir()
    for folder in ("none", "empty"):
        text = told(file, "--dataset", "synthetic", "--results", tmp_path / folder)
        assert "100.00" in text
        assert "no other records" in text


def test_a_methods_records_are_compared_with_the_others(
    results: Path, records: list[Record]
) -> None:
    text = told("smoke/synthetic/midibert", "--suite", "smoke", "--results", results)
    lines = lines_of(text)
    assert lines[str(records[0].cell.seed)][0] == figure("accuracy", records[0].scores.accuracy)
    assert "midigpt" in lines
    assert "midibert" not in lines
    with pytest.raises(UserError, match="did you mean 'smoke/synthetic/midibert'"):
        told("smoke/synthetic/midbert", "--results", results)


def test_a_suite_is_one_that_is_known_or_a_files(results: Path) -> None:
    own = results.parent / "own.toml"
    own.write_text('name = "own"\ndescription = ""\ndatasets = ["synthetic"]\n[methods.majority]\n')
    for suite in (own, "lite"):
        text = told("smoke/synthetic/midibert", "--suite", suite, "--results", results)
        assert f"no other records of suite {'own' if suite == own else suite}" in text
    with pytest.raises(UserError, match="unknown suite 'lit': did you mean 'lite'"):
        told("smoke/synthetic/midibert", "--suite", "lit", "--results", results)


def test_a_suite_elsewhere_is_known_by_its_records(tmp_path: Path, make_record: MakeRecord) -> None:
    for method in ("midibert", "mine"):
        put(tmp_path, make_record(method, suite="far", dataset="synthetic"))
    text = told("far/synthetic/mine", "--suite", "far", "--results", tmp_path)
    assert "midibert" in text


@pytest.mark.parametrize("columns", ["40", "80"])
def test_no_number_is_cut_on_a_narrow_terminal(results: Path, columns: str) -> None:
    arguments = ("smoke/synthetic/midibert", "--suite", "smoke", "--results", results)
    narrow = told(*arguments, FORCE_COLOR="1", TERM="xterm", COLUMNS=columns)
    narrow = re.sub(r"\x1b\[[\d;]*m", "", narrow)
    wide, narrow_lines = told(*arguments), [line.rstrip() for line in narrow.splitlines()]
    tables, about = wide.split("Comparison\n")
    note, compared = about.split("\n  method", 1)
    for table in (tables, compared):
        rows = [line.rstrip() for line in table.splitlines()[1:] if line.strip()]
        assert [row for row in rows if row not in narrow_lines] == []
    assert " ".join(note.split()) in " ".join(narrow.split())
    assert " ".join(note.split()) not in narrow


def test_seeds_are_paired_by_their_order(tmp_path: Path, records: list[Record]) -> None:
    for seed in (5, 6, 7):
        put(tmp_path / "results", genuine(smoke_cell("midigpt", seed)))
    file = probabilities(tmp_path / "answers.csv", records)
    options = ("--dataset", "synthetic", "--suite", "smoke", "--results", tmp_path / "results")
    assert "midigpt" in lines_of(told(file, *options))


def test_a_file_does_not_say_which_dataset_it_is_of(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--dataset says"):
        told(right(tmp_path / "right.csv"))


def test_several_seeds_are_not_deterministic(tmp_path: Path, records: list[Record]) -> None:
    file = probabilities(tmp_path / "answers.csv", records)
    with pytest.raises(UserError, match="3 seeds of a method that does not depend on one"):
        told(file, "--dataset", "synthetic", "--deterministic")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,Q1,Q2,Q3\n", "line 1: the columns are to be"),
        ("", "line 1: the columns are to be"),
        ("clip,quadrant\n", "holds no answer for a test clip"),
        ("clip,quadrant\n{0},Q5\n", "line 2: unknown quadrant 'Q5': did you mean"),
        ("clip,quadrant\n{0}x,Q1\n", "line 2: unknown clip '{0}x': did you mean '{0}'"),
        ("clip,quadrant\n?,Q1\n", "line 2: unknown clip '?': {2} are known, such as '"),
        ("clip,quadrant\n{0},Q1\n{0},Q1\n", "line 3: a second answer for clip '{0}', seed 0"),
        ("clip,seed,quadrant\n{0},-1,Q1\n", "line 2: seed '-1' is not a whole number"),
        ("clip,seed,quadrant\n{0}\n", "line 2: seed '' is not a whole number"),
        ("clip,Q1,Q2,Q3,Q4\n{0},1,0,0,\n", "line 2: could not convert string to float"),
        ("clip,Q1,Q2,Q3,Q4\n{0},1,0,0,nan\n", "line 2: numbers of Q1 to Q4 that are not finite"),
        ("clip,quadrant\n{0},Q1\n", "with seed 0, {1} of {2} test clips have no answer"),
        ("\xff", "not a CSV file"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    known = (TEST[0].clip, len(TEST) - 1, len(TEST))
    file = tmp_path / "answers.csv"
    file.write_bytes(text.format(*known).encode("latin-1"))
    with pytest.raises(UserError) as error:
        told(file, "--dataset", "synthetic")
    assert message.format(*known) in str(error.value)
    assert str(error.value).startswith(str(file))
