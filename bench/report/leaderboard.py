"""`leaderboard.md`, from records and from nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.records import PROTOCOL
from bench.report.comparisons import comparisons
from bench.report.figures import KINDS, figure_name
from bench.report.inference import NO_SONGS
from bench.report.lists import other_sections
from bench.report.markdown import details, escape, render_table
from bench.report.reading import reading
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


def render_leaderboard(findings: Findings, *, figures: Mapping[str, str] | None = None) -> str:
    """The leaderboard as Markdown; equal findings give equal text.

    Args:
        findings: what the records come to.
        figures: links of the figures that there are, by file name.
    """
    parts = [
        "# Leaderboard",
        _HEADER.format(shown=findings.n_shown, protocol=PROTOCOL),
        "How to read it:\n\n" + "\n".join(f"- {line}" for line in reading()),
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
