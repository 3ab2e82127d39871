"""The tables beside the boards: runs, comparisons, failures, results published elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.comparisons import pair_name, verdict
from bench.report.markdown import one_line, signed
from bench.report.published import published
from bench.report.rows import cell_order
from bench.report.tables import changes_text, named, p_value, per_cent
from bench.site.cells import ACCURACY, MACRO_F1, METHOD, SEEDS, board_title, dataset_name, seconds
from bench.site.table import NOTHING, Cell, Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records import CellIdentity, Record
    from bench.report.inference import Pair
    from bench.report.rows import Board, LeftOut
    from bench.store import Failure


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
        (Cell(one_line(named(row)), {"method": named(row)}), *_run(record))
        for row in (*board.rows, *board.variants)
        for record in row.records
    )
    return Table(f"{board_title(board)}: runs", columns, rows)


def _run(record: Record) -> tuple[Cell, ...]:
    scores, origin = record.scores, record.provenance
    size = record.details.get("n_parameters")
    finished = one_line(origin.finished)
    revision = one_line(origin.revision)[:7] + ("+" if origin.dirty else "")
    return (
        Cell(str(record.cell.seed), {"seed": record.cell.seed}),
        Cell(ACCURACY.text(scores.accuracy), {"accuracy": scores.accuracy}),
        Cell(MACRO_F1.text(scores.macro_f1), {"macro_f1": scores.macro_f1}),
        Cell(seconds(origin.wall_seconds), {"wall_seconds": origin.wall_seconds}),
        Cell(seconds(origin.cpu_seconds), {"cpu_seconds": origin.cpu_seconds}),
        Cell(f"{origin.peak_memory_mb:,.0f}", {"peak_memory_mb": origin.peak_memory_mb}),
        Cell(f"{size:,}", {"n_parameters": size}) if isinstance(size, int) else Cell(),
        Cell(one_line(origin.device), {"device": origin.device}),
        Cell(finished[:16].replace("T", " "), {"finished": origin.finished}),
        Cell(revision or NOTHING, {"revision": origin.revision, "dirty": origin.dirty}),
        Cell(one_line(record.key), {"key": record.key}),
    )


def pairs_table(pairs: Sequence[Pair], title: str) -> Table:
    """Methods with something against the same without."""
    columns = (
        Column("Comparison", numeric=False),
        Column("Dataset", numeric=False),
        Column("Told apart?", numeric=False),
        Column("Difference", "points"),
        Column("95 % interval", "points"),
        Column("p", "songs"),
        Column("p", "seeds"),
        Column("Cohen's g"),
        Column("Only one right", "% of clips"),
        Column("Valid", "points"),
        SEEDS,
    )
    rows = []
    for pair in pairs:
        result, gain, dataset = pair.result, pair.validation, pair.with_it.dataset
        name = one_line(pair_name(pair))
        rows.append(
            (
                Cell(name, {"comparison": name}),
                Cell(dataset_name(dataset), {"dataset": dataset}),
                Cell(verdict(pair), {"told_apart": verdict(pair)}),
                Cell(signed(100 * result.difference, 2), {"difference": result.difference}),
                Cell(
                    per_cent(result.interval),
                    {"low": result.interval.low, "high": result.interval.high},
                ),
                Cell(
                    NOTHING if pair.p_holm is None else p_value(pair.p_holm),
                    {"p_songs": result.p, "p_songs_holm": pair.p_holm},
                ),
                Cell(
                    NOTHING if pair.p_seeds_holm is None else p_value(pair.p_seeds_holm),
                    {"p_seeds": result.p_seeds, "p_seeds_holm": pair.p_seeds_holm},
                ),
                Cell(signed(result.effect_size, 2), {"cohens_g": result.effect_size}),
                Cell(
                    f"{100 * result.first_only:.1f} : {100 * result.second_only:.1f}",
                    {"first_only": result.first_only, "second_only": result.second_only},
                ),
                Cell(
                    NOTHING if gain is None else signed(100 * gain, 2),
                    {"validation_difference": gain},
                ),
                Cell(str(result.n_seeds), {"seeds": result.n_seeds}),
            )
        )
    return Table(title, columns, tuple(rows))


def later_table() -> Table:
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
            Cell(result.name, {"method": result.name}),
            Cell(dataset_name(result.dataset), {"dataset": result.dataset}),
            Cell(result.source, {"source": result.source}),
            Cell(
                f"{result.same_test}: {result.note}" if result.note else result.same_test,
                {"same_test": result.same_test, "note": result.note},
            ),
            Cell(f"{result.accuracy:.1f}", {"accuracy": result.accuracy / 100}),
            Cell()
            if result.macro_f1 is None
            else Cell(f"{result.macro_f1:.3f}", {"macro_f1": result.macro_f1}),
        )
        for result in sorted(published().later, key=lambda r: (r.dataset, -r.accuracy))
    )
    return Table("Published elsewhere", columns, rows)


def failures_table(failures: Iterable[Failure]) -> Table | None:
    """Cells that failed and have no record."""
    told = sorted(((f.cell, f.reason) for f in failures), key=lambda told: cell_order(told[0]))
    return _reasons("Failed cells", told)


def left_out_table(groups: Iterable[LeftOut]) -> Table | None:
    """Records that may not stand beside the others."""
    return _reasons("Left out", [(r.cell, group.reason) for group in groups for r in group.records])


def _reasons(title: str, cells: Sequence[tuple[CellIdentity, str]]) -> Table | None:
    columns = (
        Column("Method", numeric=False),
        Column("Seed"),
        Column("Suite", numeric=False),
        Column("Dataset", numeric=False),
        Column("Reason", numeric=False, prose=True),
    )
    rows = []
    for cell, reason in cells:
        rows.append(
            (
                Cell(
                    one_line(named(cell)),
                    {"method": cell.method, "changed": changes_text(cell.changes)},
                ),
                Cell(str(cell.seed), {"seed": cell.seed}),
                Cell(one_line(cell.suite), {"suite": cell.suite}),
                Cell(dataset_name(cell.dataset), {"dataset": cell.dataset}),
                Cell(one_line(reason), {"reason": reason}),
            )
        )
    return Table(title, columns, tuple(rows)) if rows else None
