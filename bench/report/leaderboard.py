"""`leaderboard.md`, from records and from nothing else."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

from bench.records import PROTOCOL
from bench.report.comparisons import questions, render_comparisons
from bench.report.expected import Expected
from bench.report.inference import Inference
from bench.report.markdown import escape, plus_minus, table
from bench.report.published import published
from bench.report.rows import arrange, cell_order, suite_order
from bench.report.tables import NOTHING, dataset_title, named, render_board

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.records import CellIdentity, Record
    from bench.report.inference import Songs
    from bench.report.rows import Board, LeftOut
    from bench.store import Failure

_HEADER = """\
Written by `bench leaderboard` from {shown} records; protocol version {protocol}.
Edits by hand are lost: add records instead."""
_READING = """\
How to read it. Accuracies are per cent, macro-F1 is a fraction; both are mean ± sample standard
deviation (ddof = 1) over seeds, as the paper's digits say of its own. Clips are scored, however
many segments a method cuts them into. The 95 % intervals draw songs, clips and, where there are
several, seeds anew: that of a single seed says nothing of others. Methods that share a letter
cannot be told apart at the 5 % level, or have no two seeds in common: the test is a paired
permutation test over songs, corrected for all pairs of the board (Holm), so that even methods whose
intervals are apart may share one, and a board of more methods tells fewer apart. A rank is 1 + the
number of better methods that can be told apart from this one. *Paper* columns repeat what
[{title}]({url}) printed. *Δ* is measured minus printed: percentage points of accuracy, fractions of
macro-F1. Valence and arousal are how often the predicted quadrant lies on the right side of each
axis. A deterministic method runs once. Seeds that are missing are not in the mean; those *beyond*
are others than the suite asks for, and are.

Methods learn from the train clips, and may use the validation clips as they like: networks choose
their epoch by them, SVMs and tree ensembles learn from them, too."""


def render_leaderboard(
    records: Sequence[Record],
    failures: Iterable[Failure] = (),
    *,
    expected: Iterable[CellIdentity] = (),
    songs: Songs | None = None,
    figures: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> str:
    """The leaderboard as Markdown; equal input gives equal text, in whatever order it comes.

    Args:
        records: finished cells, of any suites and protocols.
        failures: cells that failed and have no record.
        expected: cells that the suites ask for, so that what is missing shows.
        songs: dataset -> clip -> song; a clip without one counts as a song of its own.
        figures: links of the figures that there are, by file name.
        about: suite -> its description.
    """
    boards, left_out = arrange(records)
    wanted = Expected(expected)
    inference = Inference(songs or {})
    by_suite: dict[str, list[Board]] = defaultdict(list)
    for board in boards:
        by_suite[board.suite].append(board)
    suites = sorted(by_suite.keys() | wanted.suites, key=suite_order)
    shown = len(records) - sum(len(group.records) for group in left_out)
    parts = [
        "# Leaderboard",
        _HEADER.format(shown=shown, protocol=PROTOCOL),
        _READING.format(title=published().paper.title, url=published().paper.url),
        *(
            _suite(name, by_suite.get(name, []), wanted, inference, figures or {}, about or {})
            for name in suites
        ),
        _failures(failures),
        _later_results(),
        _left_out(left_out),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _suite(
    name: str,
    boards: list[Board],
    expected: Expected,
    inference: Inference,
    figures: Mapping[str, str],
    about: Mapping[str, str],
) -> str:
    parts = [
        f"## Suite {escape(name)}",
        escape(about.get(name, "")),
        *(render_board(board, expected, inference, figures) for board in boards),
        *(
            f"### {dataset_title(dataset)}\n\nNo records yet."
            for dataset in expected.missing_datasets(name, boards)
        ),
        render_comparisons(questions(inference, boards)),
    ]
    return "\n\n".join(part for part in parts if part)


def _failures(failures: Iterable[Failure]) -> str:
    rows = [
        [escape(_cell_name(failure.cell)), escape(failure.reason)]
        for failure in sorted(failures, key=lambda f: cell_order(f.cell))
    ]
    return f"## Failed cells\n\n{table(['Cell', 'Reason'], rows, left=2)}" if rows else ""


def _cell_name(cell: CellIdentity) -> str:
    return f"{cell.suite}/{cell.dataset}/{named(cell)}/seed-{cell.seed}"


def _later_results() -> str:
    rows = [
        [
            escape(result.name),
            dataset_title(result.dataset),
            escape(result.source),
            escape(f"{result.same_test}: {result.note}" if result.note else result.same_test),
            plus_minus(result.accuracy, None, 1),
            NOTHING if result.macro_f1 is None else plus_minus(result.macro_f1, None, 3),
        ]
        for result in sorted(published().later, key=lambda r: (r.dataset, -r.accuracy))
    ]
    header = ["Method", "Dataset", "Source", "Same test clips?", "Accuracy", "Macro-F1"]
    return (
        "## Published elsewhere\n\n"
        "As printed by others; nothing in this table was measured here.\n\n"
        f"{table(header, rows, left=4)}"
    )


def _left_out(groups: Iterable[LeftOut]) -> str:
    lines = []
    for group in groups:
        for name, cells in groupby(
            (record.cell for record in group.records),
            key=lambda cell: _cell_name(cell).rpartition("/")[0],
        ):
            seeds = ", ".join(str(cell.seed) for cell in cells)
            lines.append(f"- {escape(name)}, seeds {seeds}: {escape(group.reason)}")
    return "## Left out\n\n" + "\n".join(sorted(lines)) if lines else ""
