"""Whether auxiliary tasks help, and how many clips it would take to tell."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from bench.report.markdown import escape, signed, table
from bench.report.published import published
from bench.report.tables import changes_text, dataset_title, p_value, per_cent
from bench.statistics import ALPHA, clips_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.report.inference import TwinComparison
    from bench.report.rows import Row

_ABOUT = """\
Each method with auxiliary tasks against the same without, on the same clips with the same seeds.
The interval draws songs, clips and seeds, which makes it wide where a song has few clips; p is that
of a paired permutation test over songs which adds the error of so few seeds, and Holm's correction
covers the whole table. *g* is Cohen's: of the clips on which just one of the two is right, the
share that the first wins, minus one half."""


def render_comparisons(comparisons: Sequence[TwinComparison]) -> str:
    """One suite's comparisons, and the power note of each dataset; "" without comparisons."""
    if not comparisons:
        return ""
    rows = []
    for comparison in comparisons:
        result = comparison.result
        rows.append(
            [
                dataset_title(comparison.multi.dataset),
                escape(f"{row_name(comparison.multi)} − {row_name(comparison.single)}"),
                verdict(comparison),
                signed(100 * result.difference, 2),
                per_cent(result.interval),
                p_value(result.p),
                p_value(comparison.p_holm),
                signed(result.effect_size, 2),
                f"{100 * result.first_only:.1f} : {100 * result.second_only:.1f}",
                str(result.n_seeds),
            ]
        )
    header = ["Dataset", "Comparison", "Told apart?", "Points", "95 %", "p", "p (Holm)"]
    header += ["g", "Only one right, %", "Seeds"]
    parts = ["### Do auxiliary tasks help?", _ABOUT, table(header, rows, left=3)]
    datasets = dict.fromkeys(comparison.multi.dataset for comparison in comparisons)
    notes = [
        power_note([c for c in comparisons if c.multi.dataset == dataset]) for dataset in datasets
    ]
    return "\n\n".join([*parts, *notes])


def row_name(row: Row) -> str:
    """A method, and what differs from the suite; not escaped."""
    return row.method + (f" ({changes_text(row.changes)})" if row.changes else "")


def verdict(comparison: TwinComparison) -> str:
    """Whether the two can be told apart, in words."""
    if comparison.p_holm is None:
        return "n = 1: no test"
    if comparison.p_holm >= ALPHA:
        return "no"
    return "yes, better" if comparison.result.difference > 0 else "yes, worse"


def power_note(comparisons: Sequence[TwinComparison]) -> str:
    """How many clips it would take to see the paper's gain on the comparisons' one dataset."""
    gain = published().headline_gain
    dataset = dataset_title(comparisons[0].multi.dataset)
    discordance = fmean(c.result.first_only + c.result.second_only for c in comparisons)
    design_effect = max(fmean(c.result.design_effect for c in comparisons), 1.0)
    n_clips = comparisons[0].result.n_clips
    if discordance * 100 < gain:
        return (
            f"Power on {dataset}: the methods differ on {100 * discordance:.1f} % of the clips, "
            f"too few for the paper's {gain:.2f} points."
        )
    needed = clips_needed(gain / 100, discordance, design_effect=design_effect)
    return (
        f"Power on {dataset}: one run of each of two such methods differs on "
        f"{100 * discordance:.0f} % of the clips, and clips of a song resemble each other (design "
        f"effect {design_effect:.1f}). To see the paper's {gain:.2f} points with a chance of 80 % "
        f"at the 5 % level takes about {_about(needed):,} test clips; there are {n_clips:,}."
    )


def _about(n: int) -> int:
    """Two significant digits are all such an estimate has."""
    step = int(10 ** max(len(str(n)) - 2, 0))
    return round(n / step) * step
