"""What is said about one suite on one dataset below its main table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.ablation import grids
from bench.report.entries import ACCURACY, MACRO_F1
from bench.report.rows import SHIPPED
from bench.report.table import Section
from bench.report.tables import ablation_table, paper_table, settings_table, variants_table
from bench.report.titles import board_title

if TYPE_CHECKING:
    from bench.report.expected import Expected
    from bench.report.inference import Inference
    from bench.report.rows import Board

_BESIDE_PAPER = """\
*Inside?* says whether the paper's value lies in our interval. The interval allows for other songs,
but both were measured on the same ones: "yes" does not say that the two agree. *p (runs)* is from
Welch's test of our seeds against the paper's ten runs; a small one says that the choice of seeds
alone does not explain the difference."""
_UNITS = """\
The paper's MIDIBERT figures count segments of 512 notes, on VGMIDI presumably; its other figures
count clips. A note marks each value that counts something other than its row does."""
_ABOUT_SETTINGS = """\
Of a suite that does not come with the benchmark: what it sets, beside the methods' own defaults."""
_ABOUT_ABLATION = """\
One model with every set of auxiliary tasks that was run. *Gain* is over the seeds that both rows
have."""


def board_sections(board: Board, expected: Expected, inference: Inference) -> list[Section]:
    """The tables that the board's records fill.

    Args:
        board: the rows.
        expected: what the suite asks for.
        inference: what follows from the rows.
    """
    title = board_title(board)
    sections = [
        Section(
            f"paper-{score.field.replace('_', '-')}",
            f"{score.column.title} beside the paper",
            table,
            about,
        )
        for score, about in ((ACCURACY, f"{_UNITS}\n{_BESIDE_PAPER}"), (MACRO_F1, "Likewise."))
        if (table := paper_table(board, inference, score))
    ]
    ablations = grids(board)
    sections += [
        Section(
            f"ablation-{i}",
            f"Auxiliary tasks of {grid.family}",
            ablation_table(grid, expected, title),
            _ABOUT_ABLATION,
        )
        for i, grid in enumerate(ablations, 1)
    ]
    in_grid = {row for grid in ablations for row in grid.rows.values()}
    variants = [row for row in board.variants if row not in in_grid]
    if table := variants_table(variants, expected, title):
        sections.append(Section("variants", "Variants", table))
    if board.suite not in SHIPPED:
        sections.append(Section("settings", "Settings", settings_table(board), _ABOUT_SETTINGS))
    return sections
