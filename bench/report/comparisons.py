"""Whether auxiliary tasks and pre-training help, and how many clips it would take to tell."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from bench.intervals import ALPHA
from bench.report.markdown import escape, signed, table
from bench.report.published import published
from bench.report.tables import NOTHING, dataset_title, named, p_value, per_cent
from bench.statistics import clips_needed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.report.inference import Inference, Pair
    from bench.report.rows import Board

_ABOUT_TASKS = """\
Each method with auxiliary tasks against the same without, on the same clips with the same seeds.
*Points* are percentage points of accuracy; the interval draws songs, clips and seeds, which makes
it wide where a song has few clips. Two tests ask two things. *p (songs)*: would the difference show
on other songs, too? That is a paired permutation test over songs which adds the error of so few
seeds; it decides whether the two are told apart. *p (seeds)*: would it show with other seeds on
these very clips? That is a paired t-test over seeds, which comparisons of means and deviations on
one test set, such as the paper's, amount to. Both are corrected for all rows of the table (Holm).
g is Cohen's: of the clips on which just one of the two is right, the share that the first wins,
minus one half. *Valid* is the difference on the validation clips, by which the epoch was chosen."""
_ABOUT_STARTS = """\
Each method that starts from pre-trained weights against the same from random ones, which may have a
learning rate of its own: likewise, on the seeds that both were run with. Where *Valid* has the
other sign, the validation clips say the opposite of the test clips."""


@dataclass(frozen=True)
class Question:
    """What a suite's pairs of methods are asked."""

    name: str  # of its files
    title: str
    about: str
    pairs: Sequence[Pair]  # at least one
    notes: Sequence[str] = ()


def questions(inference: Inference, boards: Sequence[Board]) -> list[Question]:
    """Those that one suite's records say anything to."""
    tasks, starts = inference.multi_task_pairs(boards), inference.start_pairs(boards)
    found = (
        Question("tasks", "Do auxiliary tasks help?", _ABOUT_TASKS, tasks, _power_notes(tasks)),
        Question("starts", "Does pre-training help?", _ABOUT_STARTS, starts),
    )
    return [question for question in found if question.pairs]


def render_comparisons(asked: Iterable[Question]) -> str:
    """Each question with its answer, as Markdown; "" without questions."""
    parts = []
    for question in asked:
        parts += [f"### {question.title}", question.about, _pairs_table(question.pairs)]
        parts += question.notes
    return "\n\n".join(parts)


def _pairs_table(pairs: Sequence[Pair]) -> str:
    rows = []
    for pair in pairs:
        result = pair.result
        rows.append(
            [
                dataset_title(pair.with_it.dataset),
                escape(pair_name(pair)),
                verdict(pair),
                signed(100 * result.difference, 2),
                per_cent(result.interval),
                p_value(pair.p_holm),
                NOTHING if pair.p_seeds_holm is None else p_value(pair.p_seeds_holm),
                signed(result.effect_size, 2),
                f"{100 * result.first_only:.1f} : {100 * result.second_only:.1f}",
                NOTHING if pair.validation is None else signed(100 * pair.validation, 2),
                str(result.n_seeds),
            ]
        )
    header = ["Dataset", "Comparison", "Told apart?", "Points", "95 %", "p (songs)", "p (seeds)"]
    header += ["g", "Only one right, %", "Valid", "Seeds"]
    return table(header, rows, left=3)


def pair_name(pair: Pair) -> str:
    """Both of its rows; not escaped."""
    return f"{named(pair.with_it)} − {named(pair.without)}"


def verdict(pair: Pair) -> str:
    """Whether the two can be told apart, in words."""
    if pair.p_holm is None:
        return "n = 1: no test"
    if pair.p_holm >= ALPHA:
        return "no"
    return "yes, better" if pair.result.difference > 0 else "yes, worse"


def _power_notes(pairs: Sequence[Pair]) -> list[str]:
    """How many clips it would take to see the paper's gain, for each dataset of the pairs."""
    datasets = dict.fromkeys(pair.with_it.dataset for pair in pairs)
    return [_power_note([p for p in pairs if p.with_it.dataset == name]) for name in datasets]


def _power_note(pairs: Sequence[Pair]) -> str:
    """That of pairs on one dataset."""
    gain = published().gain(pairs[0].with_it.dataset)
    dataset = dataset_title(pairs[0].with_it.dataset)
    mean_square = fmean(p.result.mean_square for p in pairs)
    design_effect = max(fmean(p.result.design_effect for p in pairs), 1.0)
    n_clips = pairs[0].result.n_clips
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
        f"{_seed_noise(pairs)}"
    )


def _seed_noise(pairs: Sequence[Pair]) -> str:
    """What more clips may leave of the noise."""
    errors = [100 * p.result.seed_error for p in pairs if p.result.seed_error is not None]
    if not errors:
        return ""
    return (
        f" The standard error over seeds is {fmean(errors):.1f} points here; what of it is not "
        "due to single clips, only more seeds lower."
    )


def _about(n: int) -> int:
    """Two significant digits are all such an estimate has."""
    step = int(10 ** max(len(str(n)) - 2, 0))
    return round(n / step) * step
