"""Whether auxiliary tasks and pre-training help, and how many clips it would take to tell."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from bench.report.entries import ACCURACY, difference_entry, p_entry
from bench.report.markdown import signed
from bench.report.published import published
from bench.report.table import Column, Entry, Section, Table
from bench.report.titles import dataset_name, full_name
from bench.statistics import clips_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.inference import Inference, Pair
    from bench.report.rows import Board
    from bench.statistics import Comparison

_ABOUT_TASKS = """\
Each method with auxiliary tasks against the same without, on the same clips with the same seeds.
*Difference* is in percentage points of accuracy; its interval draws songs, clips and seeds, which
makes it wide where a song has few clips. Two tests ask two things. *p (songs)*: would the
difference show on other songs, too? That is a paired permutation test over songs which adds the
error of so few seeds; it decides whether the two are told apart. *p (seeds)*: would it show with
other seeds on these very clips? That is a paired t-test over seeds, which comparisons of means and
deviations on one test set, such as the paper's, amount to. Both are corrected for all rows of the
table (Holm). *g* is Cohen's: of the clips on which just one of the two is right, the share that the
first wins, minus one half. *Valid* is the difference on the validation clips, by which the epoch
was chosen."""
_ABOUT_STARTS = """\
Each method that starts from pre-trained weights against the same from random ones, which may have a
learning rate of its own: likewise, on the seeds that both were run with. Where *Valid* has the
other sign, the validation clips say the opposite of the test clips."""


def comparisons(inference: Inference, boards: Sequence[Board]) -> list[Section]:
    """The questions that one suite's records say anything to, answered."""
    tasks, starts = inference.multi_task_pairs(boards), inference.start_pairs(boards)
    found = (
        ("tasks", "Do auxiliary tasks help?", _ABOUT_TASKS, tasks, _power_notes(tasks)),
        ("starts", "Does pre-training help?", _ABOUT_STARTS, starts, ()),
    )
    return [
        Section(name, title, _pairs_table(pairs, title, boards[0].suite), about, notes)
        for name, title, about, pairs, notes in found
        if pairs
    ]


def _pairs_table(pairs: Sequence[Pair], title: str, suite: str) -> Table:
    """Methods with something against the same without."""
    columns = (
        Column("Comparison", numeric=False),
        Column("Dataset", numeric=False),
        Column("Told apart?", numeric=False),
        Column("Difference", "points"),
        Column("95 % interval", "points"),
        Column("p", "songs"),
        Column("p", "seeds"),
        Column("g"),
        Column("Only one right", "% of clips"),
        Column("Valid", "points"),
        Column("Seeds"),
    )
    rows = tuple(map(_pair, pairs))
    return Table(f"{title} Suite {suite}", columns, rows)


def _pair(pair: Pair) -> tuple[Entry, ...]:
    tested, dataset = pair.tested, pair.with_it.dataset
    result = tested.result
    name = f"{full_name(pair.with_it)} − {full_name(pair.without)}"
    ends = {"low": result.interval.low, "high": result.interval.high}
    return (
        Entry(name, {"comparison": name}),
        Entry(dataset_name(dataset), {"dataset": dataset}),
        Entry(tested.verdict, {"told_apart": tested.verdict}),
        difference_entry(ACCURACY, result.difference),
        Entry(ACCURACY.range(result.interval), ends),
        p_entry(tested.p, {"p_songs": result.p, "p_songs_holm": tested.p}),
        p_entry(tested.p_seeds, {"p_seeds": result.p_seeds, "p_seeds_holm": tested.p_seeds}),
        Entry(signed(result.effect_size, 2), {"cohens_g": result.effect_size}),
        Entry(
            f"{100 * result.first_only:.1f} : {100 * result.second_only:.1f}",
            {"first_only": result.first_only, "second_only": result.second_only},
        ),
        Entry(data={"validation_difference": None})
        if pair.validation is None
        else difference_entry(ACCURACY, pair.validation, "validation_difference"),
        Entry(str(result.n_seeds), {"seeds": result.n_seeds}),
    )


def _power_notes(pairs: Sequence[Pair]) -> list[str]:
    """How many clips it would take to see the paper's gain, for each dataset of the pairs."""
    datasets = dict.fromkeys(pair.with_it.dataset for pair in pairs)
    return [_power_note([p for p in pairs if p.with_it.dataset == name]) for name in datasets]


def _power_note(pairs: Sequence[Pair]) -> str:
    """How many test clips the paper's gain would take on one dataset."""
    gain = published().gain(pairs[0].with_it.dataset)
    dataset = dataset_name(pairs[0].with_it.dataset)
    results = [pair.tested.result for pair in pairs]
    mean_square = fmean(result.mean_square for result in results)
    design_effect = max(fmean(result.design_effect for result in results), 1.0)
    n_clips = results[0].n_clips
    if mean_square * 100 < gain:
        return (
            f"Power on {dataset}: the methods differ on too few clips for the paper's "
            f"{gain:.2f} points."
        )
    needed = clips_needed(gain / 100, mean_square, design_effect=design_effect)
    return (
        f"Power on {dataset}: averaged over seeds, two such methods differ by "
        f"{mean_square**0.5:.2f} on a clip (root mean square), and clips of a song resemble each "
        f"other (design effect {design_effect:.1f}). To see the paper's {gain:.2f} points on other "
        "songs with a chance of 80 % at the 5 % level would take about "
        f"{_about(needed):,} test clips, with songs growing in proportion; there are {n_clips:,}."
        f"{_seed_noise(results)}"
    )


def _seed_noise(results: Sequence[Comparison]) -> str:
    """What more clips may leave of the noise."""
    errors = [100 * result.seed_error for result in results if result.seed_error is not None]
    if not errors:
        return ""
    return (
        f" The standard error over seeds is {fmean(errors):.1f} points here; the part that "
        "is not due to single clips shrinks with more seeds only."
    )


def _about(n: int) -> int:
    """Two significant digits are all such an estimate has."""
    step = int(10 ** max(len(str(n)) - 2, 0))
    return round(n / step) * step
