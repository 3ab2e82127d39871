"""`leaderboard.md`, from records and from nothing else."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bench.records import PROTOCOL
from bench.report.comparisons import comparisons
from bench.report.expected import Expected
from bench.report.figures import KINDS, figure_name
from bench.report.inference import NO_SONGS, Inference
from bench.report.lists import other_sections
from bench.report.markdown import details, escape, render_table
from bench.report.published import published
from bench.report.rows import arrange, suite_order
from bench.report.sections import board_sections
from bench.report.tables import ABOUT_CONFUSIONS, confusion_table, main_table
from bench.report.titles import dataset_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.records import CellIdentity, Record
    from bench.report.inference import Songs
    from bench.report.rows import Board
    from bench.report.table import Section
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
number of better methods that can be told apart from this one. *Paper* repeats what
[{title}]({url}) printed, *Δ* is measured minus printed. Valence and arousal are how often the
predicted quadrant lies on the right side of each axis. A deterministic method runs once. Seeds that
are missing are not in the mean; those *beyond* are others than the suite asks for, and are. The
cost is the mean CPU time of a run, on whatever machine it ran.

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
        *(_section(section, "##") for section in other_sections(failures, left_out)),
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
        *(_board(board, expected, inference, figures) for board in boards),
        *(
            f"### {escape(dataset_name(dataset))}\n\nNo records yet."
            for dataset in expected.missing_datasets(name, boards)
        ),
        *(_section(section, "###") for section in comparisons(inference, boards)),
    ]
    return "\n\n".join(part for part in parts if part)


def _board(
    board: Board, expected: Expected, inference: Inference, figures: Mapping[str, str]
) -> str:
    """Everything that is said about one suite on one dataset."""
    used = board.first.dataset
    parts = [
        f"### {escape(dataset_name(board.dataset, used.version))}",
        f"Train {used.n_train:,}, valid {used.n_valid:,}, test {used.n_test:,} clips.",
        "" if inference.knows_songs(board) else NO_SONGS,
        render_table(main_table(board, expected, inference)),
        *(_section(section, "####") for section in board_sections(board, expected, inference)),
        details("Confusion matrices", _confusions(board)),
        _figures(board, figures),
    ]
    return "\n\n".join(part for part in parts if part)


def _section(section: Section, level: str) -> str:
    parts = (
        f"{level} {escape(section.title)}",
        section.about,
        render_table(section.table),
        *map(escape, section.notes),
    )
    return "\n\n".join(part for part in parts if part)


def _confusions(board: Board) -> str:
    matrices = [confusion_table(row) for row in (*board.rows, *board.variants)]
    parts = [f"**{escape(matrix.title)}**\n\n{render_table(matrix)}" for matrix in matrices]
    return "\n\n".join((ABOUT_CONFUSIONS, *parts))


def _figures(board: Board, figures: Mapping[str, str]) -> str:
    images = [
        f"{caption}.\n\n![{caption}]({figures[name]})"
        for kind, caption in KINDS.items()
        if (name := figure_name(board.suite, board.dataset, kind)) in figures
    ]
    return details("Figures", "\n\n".join(images)) if images else ""
