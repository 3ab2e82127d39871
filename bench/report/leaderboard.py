"""`leaderboard.md`, from records and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.records import PROTOCOL
from bench.report.comparisons import comparisons
from bench.report.figures import KINDS, figure_name
from bench.report.inference import NO_SONGS
from bench.report.lists import other_sections
from bench.report.markdown import details, escape, render_table
from bench.report.published import published
from bench.report.sections import board_sections
from bench.report.tables import ABOUT_CONFUSIONS, confusion_table, main_table
from bench.report.titles import dataset_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.report.findings import Findings
    from bench.report.rows import Board
    from bench.report.table import Section

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


def render_leaderboard(findings: Findings, *, figures: Mapping[str, str] | None = None) -> str:
    """The leaderboard as Markdown; equal findings give equal text.

    Args:
        findings: what the records come to.
        figures: links of the figures that there are, by file name.
    """
    parts = [
        "# Leaderboard",
        _HEADER.format(shown=findings.n_shown, protocol=PROTOCOL),
        _READING.format(title=published().paper.title, url=published().paper.url),
        *(
            _suite(name, boards, findings, figures or {})
            for name, boards in findings.by_suite().items()
        ),
        *(_section(section, "##") for section in other_sections(findings)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _suite(
    name: str, boards: Sequence[Board], findings: Findings, figures: Mapping[str, str]
) -> str:
    parts = [
        f"## Suite {escape(name)}",
        escape(findings.about.get(name, "")),
        *(_board(board, findings, figures) for board in boards),
        *(
            f"### {escape(dataset_name(dataset))}\n\nNo records yet."
            for dataset in findings.expected.missing_datasets(name, boards)
        ),
        *(_section(section, "###") for section in comparisons(findings.inference, boards)),
    ]
    return "\n\n".join(part for part in parts if part)


def _board(board: Board, findings: Findings, figures: Mapping[str, str]) -> str:
    """Everything that is said about one suite on one dataset."""
    expected, inference = findings.expected, findings.inference
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
