"""Answers from elsewhere, scored as records are and set beside the methods of a board."""

from __future__ import annotations

from dataclasses import dataclass
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
from bench.scoring import score_predictions
from bench.statistics import mean_std, tested

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from bench.predictions import Predictions
    from bench.report.inference import Inference
    from bench.report.rows import Row
    from bench.scoring import Scores
    from bench.statistics import Tested


@dataclass(frozen=True)
class Beside:
    """The answers against a method of the board: the first minus the second."""

    row: Row
    tested: Tested


class Evaluation:
    """Scores of answers, and how they compare.

    Args:
        predictions: the answers.
        songs: the song of each clip.
        deterministic: whether their method does not depend on a seed.

    Raises:
        ValueError: answers with several seeds are said to be deterministic.
    """

    def __init__(
        self, predictions: Predictions, songs: Mapping[str, str], *, deterministic: bool
    ) -> None:
        n_seeds = len(predictions.seeds)
        if deterministic and n_seeds > 1:
            raise ValueError(f"{n_seeds} seeds of a method that does not depend on one")
        self.predictions = predictions
        labels, answers = predictions.labels, predictions.answers
        # Seeds of two methods have nothing in common but their numbers: the first is set against
        # the first, whatever it is called.
        self.answers = Answers(
            items=(predictions.clips, labels.tobytes(), b""),
            labels=labels,
            answers=answers,
            songs=numbered_songs(predictions.clips, songs),
            runs=Runs(answers == labels, tuple(range(n_seeds)), deterministic),
        )
        self.scores = [score_predictions(labels, row) for row in answers]

    def beside(self, rows: Sequence[Row], inference: Inference) -> list[Beside]:
        """Compare with methods that were tested on the same clips; the others are left out."""
        found = [
            (row, result)
            for row in rows
            if (result := compared(self.answers, inference.answers(row)))
        ]
        results = tested([result for _, result in found])
        return [Beside(row, result) for (row, _), result in zip(found, results, strict=True)]


def show_evaluation(evaluation: Evaluation) -> RenderableType:
    """Scores by seed, their mean, its intervals, and the confusion matrix."""
    table = Table(box=box.SIMPLE, header_style="bold")
    for title in ("seed", *SCORES.values()):
        table.add_column(title, justify="right")
    for seed, scores in zip(evaluation.predictions.seeds, evaluation.scores, strict=True):
        table.add_row(str(seed), *score_cells(scores))
    table.add_section()
    if len(evaluation.scores) > 1:
        table.add_row("mean ± std", *(_mean(evaluation.scores, field) for field in SCORES))
    table.add_row("95 % interval", *_intervals(evaluation.answers))
    return Group(table, confusion_table(evaluation.scores))


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
        f"Beside the methods of suite {suite}, over as many seeds as both have. Differences are\n"
        "yours minus theirs, in points of accuracy; p are corrected for all methods (Holm).\n"
        "leaderboard.md tells what the two tests ask."
    )
    return Group(Text("Comparison", style="bold"), Text(about), table)


def _mean(scores: Sequence[Scores], field: str) -> str:
    return figure(field, *mean_std([getattr(one, field) for one in scores]))


def _intervals(answers: Answers) -> list[str]:
    """Of accuracy and macro-F1."""
    (accuracy,) = accuracy_intervals([answers.runs], answers.songs)
    macro_f1 = macro_f1_interval(answers.labels, answers.answers, answers.songs)
    return [ACCURACY.range(accuracy), MACRO_F1.range(macro_f1)]
