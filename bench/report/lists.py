"""The tables beside the boards: runs, failures, results published elsewhere."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bench.report.entries import ACCURACY, MACRO_F1, METHOD, seconds
from bench.report.published import published
from bench.report.rows import cell_order
from bench.report.table import BLANK, Column, Entry, Section, Table
from bench.report.titles import board_title, changes_text, dataset_name, full_name, named
from bench.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.records import CellIdentity, Record
    from bench.report.findings import Findings
    from bench.report.rows import Board, LeftOut
    from bench.store import Failure

_ABOUT_LATER = "As printed by others; nothing in this table was measured here."


def other_sections(findings: Findings) -> list[Section]:
    """What stands below all boards."""
    found = (
        ("failed", "Failed cells", _failures_table(findings.failures), ""),
        ("published", "Published elsewhere", _later_table(), _ABOUT_LATER),
        ("left-out", "Left out", _left_out_table(findings.left_out), ""),
    )
    return [Section(name, title, table, about) for name, title, table, about in found if table]


def runs_table(board: Board) -> Table:
    """Every record of a board: what was run, where, and what it took."""
    columns = (
        METHOD,
        Column("Seed"),
        ACCURACY.column,
        MACRO_F1.column,
        Column("Wall", "s"),
        Column("CPU", "s"),
        Column("Memory", "MB, peak"),
        Column("Parameters"),
        Column("Device", numeric=False),
        Column("Finished", "UTC", numeric=False),
        Column("Revision", numeric=False),
        Column("Cell key", numeric=False),
    )
    rows = tuple(
        (
            Entry(full_name(row), {"method": row.method, "changed": changes_text(row.changes)}),
            *_run(record),
        )
        for row in (*board.rows, *board.variants)
        for record in row.records
    )
    return Table(f"{board_title(board)}: runs", columns, rows)


def _run(record: Record) -> tuple[Entry, ...]:
    scores, origin = record.scores, record.provenance
    size = record.details.get("n_parameters")
    finished = one_line(origin.finished)
    revision = one_line(origin.revision)[:7] + ("+" if origin.dirty else "")
    return (
        Entry(str(record.cell.seed), {"seed": record.cell.seed}),
        Entry(ACCURACY.text(scores.accuracy), {"accuracy": scores.accuracy}),
        Entry(MACRO_F1.text(scores.macro_f1), {"macro_f1": scores.macro_f1}),
        Entry(seconds(origin.wall_seconds), {"wall_seconds": origin.wall_seconds}),
        Entry(seconds(origin.cpu_seconds), {"cpu_seconds": origin.cpu_seconds}),
        Entry(f"{origin.peak_memory_mb:,.0f}", {"peak_memory_mb": origin.peak_memory_mb}),
        Entry(f"{size:,}", {"n_parameters": size}) if isinstance(size, int) else Entry(),
        Entry(one_line(origin.device), {"device": origin.device}),
        Entry(finished[:16].replace("T", " "), {"finished": origin.finished}),
        Entry(revision or BLANK, {"revision": origin.revision, "dirty": origin.dirty}),
        Entry(one_line(record.key), {"key": record.key}),
    )


def _later_table() -> Table:
    """What others have published since; nothing in it was measured here."""
    columns = (
        METHOD,
        Column("Dataset", numeric=False),
        Column("Source", numeric=False, prose=True),
        Column("Same test clips?", numeric=False, prose=True),
        ACCURACY.column,
        MACRO_F1.column,
    )
    rows = tuple(
        (
            Entry(result.name, {"method": result.name}),
            Entry(dataset_name(result.dataset), {"dataset": result.dataset}),
            Entry(result.source, {"source": result.source}),
            Entry(
                f"{result.same_test}: {result.note}" if result.note else result.same_test,
                {"same_test": result.same_test, "note": result.note},
            ),
            Entry(f"{result.accuracy:.1f}", {"accuracy": result.accuracy / 100}),
            Entry()
            if result.macro_f1 is None
            else Entry(f"{result.macro_f1:.3f}", {"macro_f1": result.macro_f1}),
        )
        for result in sorted(published().later, key=lambda r: (r.dataset, -r.accuracy))
    )
    return Table("Published elsewhere", columns, rows)


def _failures_table(failures: Iterable[Failure]) -> Table | None:
    """Cells that failed and have no record."""
    return _reasons("Failed cells", [(failure.cell, failure.reason) for failure in failures])


def _left_out_table(groups: Iterable[LeftOut]) -> Table | None:
    """Records that may not stand beside the others."""
    return _reasons("Left out", [(r.cell, group.reason) for group in groups for r in group.records])


def _reasons(title: str, cells: Iterable[tuple[CellIdentity, str]]) -> Table | None:
    """A line for the seeds of a method that have the same reason."""
    columns = (
        Column("Method", numeric=False),
        Column("Seeds", numeric=False),
        Column("Suite", numeric=False),
        Column("Dataset", numeric=False),
        Column("Reason", numeric=False, prose=True),
    )
    seeds: dict[tuple[str, str, str, str, str], list[str]] = defaultdict(list)
    for cell, reason in sorted(cells, key=lambda found: cell_order(found[0])):
        place = cell.suite, cell.dataset, cell.method, changes_text(cell.changes), reason
        seeds[place].append(str(cell.seed))
    rows = tuple(
        (
            Entry(named(method, changes), {"method": method, "changed": changes}),
            Entry(text := ", ".join(of_it), {"seeds": text}),
            Entry(suite, {"suite": suite}),
            Entry(dataset_name(dataset), {"dataset": dataset}),
            Entry(one_line(reason), {"reason": reason}),
        )
        for (suite, dataset, method, changes, reason), of_it in seeds.items()
    )
    return Table(title, columns, rows) if rows else None
