"""`bench evaluate`: how answers compare with the methods of a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import Once, completing, results_option
from bench.errors import UserError
from bench.shown import shown

if TYPE_CHECKING:
    from bench.report.findings import Findings
    from bench.report.inference import Answers
    from bench.report.rows import Row


@click.command()
@click.argument("answers", metavar="FILE.csv|SUITE/DATASET/METHOD")
@click.option(
    "--dataset",
    cls=Once,
    metavar="NAME",
    shell_complete=completing("bench.datasets:dataset_names"),
    help="With a file: the dataset whose test clips were answered.",
)
@click.option(
    "--deterministic", is_flag=True, help="With a file: its method does not depend on a seed."
)
@click.option(
    "--suite",
    cls=Once,
    default="lite",
    show_default=True,
    metavar="NAME|FILE.toml",
    shell_complete=completing("bench.suites:suite_names"),
    help="The suite whose methods to compare with.",
)
@results_option()
def evaluate(
    *, answers: str, dataset: str | None, deterministic: bool, suite: str, results: Path
) -> None:
    """Score answers for a dataset's test clips, and compare them with the methods of a suite.

    They stand in a file, for methods that do not run here, or in the records of a method, such as
    one of a suite of your own. The file has the columns clip, seed (which may be left out), and
    Q1,Q2,Q3,Q4 or quadrant: one row for each test clip and seed. `bench data export` writes clips,
    splits and labels for training elsewhere.

    Needs no data. Nothing is recorded: what stands on the board was run by the benchmark.

    \b
    Examples:
      bench evaluate answers.csv --dataset emopia
      bench evaluate lite/emopia/mt-midibert
    """
    from bench.cli.board import findings_of
    from bench.cli.console import wide_console
    from bench.datasets import dataset_info
    from bench.report.evaluation import beside, show_beside, show_scores

    is_file = answers.endswith(".csv") or Path(answers).is_file()
    # The project's own folder has records; elsewhere there may be none to compare a file with.
    findings = findings_of(results) if not is_file or any(results.glob("*")) else None
    suite = _suite(suite, findings)
    row = None
    if not is_file and findings:
        row, found = _recorded(answers, findings)
        dataset = row.dataset
    elif dataset:
        found = _read(Path(answers), dataset, deterministic=deterministic)
    else:
        raise UserError(f"{shown(answers)}: --dataset says whose test clips it answers")
    n_songs = len(set(found.songs.tolist()))
    click.echo(
        f"{shown(answers)} on {dataset} {dataset_info(dataset).version}: "
        f"{len(found.labels):,} test clips of {n_songs:,} songs"
    )
    console = wide_console()
    console.print(show_scores(found), crop=False)
    others = [
        other
        for board in (findings.boards if findings else ())
        if (board.suite, board.dataset) == (suite, dataset)
        for other in board.rows
        if other is not row
    ]
    if findings and (compared := beside(found, others, findings.inference)):
        console.print(show_beside(compared, suite), crop=False)
    else:
        click.echo(
            f"{shown(results)}: no other records of suite {suite} on these clips to compare with; "
            "--results names their folder",
            err=True,
        )


def _suite(name: str, findings: Findings | None) -> str:
    """The suite that is meant: one of the package, of the records, or of a file."""
    from bench.names import pick
    from bench.suites import load_suite, suite_names

    if name.endswith(".toml"):
        return load_suite(name).name
    recorded = {record.cell.suite for record in findings.records} if findings else set()
    return pick(name, {*suite_names(), *recorded}, "suite")


def _read(file: Path, dataset: str, *, deterministic: bool) -> Answers:
    from bench.datasets import clip_rows
    from bench.predictions import read_predictions
    from bench.report.evaluation import answers_from

    rows = clip_rows(dataset)
    predictions = read_predictions(file, rows)
    songs = {row.clip: row.song for row in rows}
    try:
        return answers_from(predictions, songs, deterministic=deterministic)
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None


def _recorded(name: str, findings: Findings) -> tuple[Row, Answers]:
    from bench.names import pick

    rows = {
        row.first.cell.path.parent.as_posix(): row
        for board in findings.boards
        for row in (*board.rows, *board.variants)
    }
    row = rows[pick(name.strip("/"), rows, "method")]
    found = findings.inference.answers(row)
    if found is None:
        raise UserError(f"{name}: its seeds were not tested on the same clips")
    return row, found
