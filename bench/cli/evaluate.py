"""`bench evaluate`: score the answers of a method that does not run here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import completing, results_option
from bench.shown import shown

if TYPE_CHECKING:
    from bench.report.evaluation import Beside, Evaluation


@click.command()
@click.argument("file", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    required=True,
    metavar="NAME",
    shell_complete=completing("bench.datasets:dataset_names"),
    help="The dataset whose test clips were answered.",
)
@click.option(
    "--suite",
    default="lite",
    show_default=True,
    metavar="NAME",
    shell_complete=completing("bench.suites:suite_names"),
    help="The suite whose methods to compare with.",
)
@click.option("--deterministic", is_flag=True, help="The method does not depend on a seed.")
@results_option()
def evaluate(*, file: Path, dataset: str, suite: str, deterministic: bool, results: Path) -> None:
    """Score answers for a dataset's test clips, and compare them with the board's methods.

    FILE has the columns clip, seed (which may be left out), and Q1,Q2,Q3,Q4 or quadrant: one row
    for each test clip and seed. `bench data export` writes clips, splits and labels for training
    elsewhere. Needs no data. Nothing is recorded: what stands on the board was run by it.

    \b
    Example:
      bench evaluate answers.csv --dataset emopia
    """
    from bench.cli.console import wide_console
    from bench.datasets import clip_rows, dataset_info
    from bench.errors import UserError
    from bench.predictions import read_predictions
    from bench.report.evaluation import Evaluation, show_beside, show_evaluation

    rows = clip_rows(dataset)
    songs = {row.clip: row.song for row in rows}
    predictions = read_predictions(file, rows)
    try:
        evaluation = Evaluation(predictions, songs, deterministic=deterministic)
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None
    beside = _compared(evaluation, dataset, suite, results)
    n_songs = len({songs[clip] for clip in predictions.clips})
    clips = f"{len(predictions.clips):,} test clips of {n_songs:,} songs"
    click.echo(f"{shown(file)} on {dataset} {dataset_info(dataset).version}: {clips}")
    console = wide_console()
    console.print(show_evaluation(evaluation))
    if beside:
        console.print(show_beside(beside, suite))
    else:
        click.echo(
            f"{shown(results)}: no records of suite {suite} on these clips, so nothing to compare "
            "with; --results names their folder",
            err=True,
        )


def _compared(evaluation: Evaluation, dataset: str, suite: str, results: Path) -> list[Beside]:
    """With the methods of one board."""
    from bench.cli.board import findings_of

    if not results.exists():  # as outside of the project's own folder, where it is the default
        return []
    findings = findings_of(results)
    boards = [b for b in findings.boards if (b.suite, b.dataset) == (suite, dataset)]
    rows = [row for board in boards for row in board.rows]
    return evaluation.beside(rows, findings.inference)
