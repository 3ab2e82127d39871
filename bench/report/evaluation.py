"""Answers from elsewhere, scored as records are and set beside the methods of a board."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.intervals import Runs, accuracy_intervals, macro_f1_interval
from bench.report.entries import ACCURACY, MACRO_F1, p_entry
from bench.report.inference import Answers, compared, numbered_songs
from bench.report.markdown import signed
from bench.report.show import SCORES, confusion_table, figure, score_cells
from bench.report.titles import full_name
from bench.report.wide import Wide
from bench.scoring import score_predictions
from bench.statistics import mean_std, tested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from bench.predictions import Predictions
    from bench.report.inference import Inference
    from bench.report.rows import Row
    from bench.statistics import Tested


@dataclass(frozen=True)
class Beside:
    """The answers against a method of the board: the first minus the second."""

    row: Row
    tested: Tested


def answers_from(
    predictions: Predictions, songs: Mapping[str, str], *, deterministic: bool
) -> Answers:
    """Predictions from a file as those of a row are.

    Args:
        predictions: of a dataset's test clips.
        songs: the song of each clip.
        deterministic: whether their method does not depend on a seed.

    Raises:
        ValueError: they have several seeds, and are said to be deterministic.
    """
    if deterministic and len(predictions.seeds) > 1:
        raise ValueError(f"{len(predictions.seeds)} seeds of a method that does not depend on one")
    labels, answers = predictions.labels, predictions.answers
    return Answers(
        items=(predictions.clips, labels.tobytes(), b""),
        labels=labels,
        answers=answers,
        songs=numbered_songs(predictions.clips, songs),
        runs=Runs(answers == labels, predictions.seeds, deterministic),
    )


def beside(ours: Answers, rows: Sequence[Row], inference: Inference) -> list[Beside]:
    """Compare answers with methods that were tested on the same clips; the others are left out."""
    found = [
        (row, result)
        for row in rows
        if (theirs := inference.answers(row))
        and (result := compared(_renumbered(ours), _renumbered(theirs)))
    ]
    results = tested([result for _, result in found])
    return [Beside(row, result) for (row, _), result in zip(found, results, strict=True)]


def _renumbered(answers: Answers) -> Answers:
    """Seeds of programs that do not know each other are a pair by their order, not their number."""
    seeds = tuple(range(len(answers.runs.seeds)))
    return replace(answers, runs=replace(answers.runs, seeds=seeds))


def show_scores(answers: Answers) -> RenderableType:
    """Scores by seed, their mean, its intervals, and the confusion matrix."""
    table = Table(box=box.SIMPLE, header_style="bold")
    for title in ("seed", *SCORES.values()):
        table.add_column(title, justify="right")
    scores = [score_predictions(answers.labels, row) for row in answers.answers]
    for seed, one in zip(answers.runs.seeds, scores, strict=True):
        table.add_row(str(seed), *score_cells(one))
    table.add_section()
    if len(scores) > 1:
        means = (mean_std([getattr(one, field) for one in scores]) for field in SCORES)
        cells = (figure(field, *mean) for field, mean in zip(SCORES, means, strict=True))
        table.add_row("mean ± std", *cells)
    (accuracy,) = accuracy_intervals([answers.runs], answers.songs)
    macro_f1 = macro_f1_interval(answers.labels, answers.answers, answers.songs)
    table.add_row("95 % interval", ACCURACY.range(accuracy), MACRO_F1.range(macro_f1))
    return Group(Wide(table), confusion_table(scores))


def show_beside(found: Sequence[Beside], suite: str) -> RenderableType:
    """One row for each method of the suite."""
    table = Table(box=box.SIMPLE, header_style="bold")
    table.add_column("method", overflow="fold")
    for title in ("accuracy %", "difference", "95 % interval", "p (songs)", "p (seeds)"):
        table.add_column(title, justify="right")
    table.add_column("told apart?")
    for one in found:
        result = one.tested.result
        table.add_row(
            full_name(one.row),
            figure("accuracy", *one.row.mean_std("accuracy")),
            signed(100 * result.difference, 2),
            ACCURACY.range(result.interval),
            p_entry(one.tested.p, {}).text,
            p_entry(one.tested.p_seeds, {}).text,
            one.tested.verdict,
        )
    about = (
        f"With the methods of suite {suite}, over as many seeds as both have. Differences are "
        "these answers minus the method, in points of accuracy; p are corrected for all methods "
        "(Holm). leaderboard.md tells what the two tests ask."
    )
    return Group(Text("Comparison", style="bold"), Text(about), Wide(table))
