"""Cells in a results folder by the names that people type."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from bench.errors import UserError
from bench.report.rows import arrange
from bench.report.show import show_failure, show_record, show_row
from bench.store import FAILED, read_failure, read_failures, read_record, record_files

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from rich.console import RenderableType

    from bench.records import Record
    from bench.store import Failure

_SEED = "seed-"


def find_cell(
    name: str,
    results: Path,
    current: Callable[[Iterable[Record]], Container[str]] = lambda _: (),
) -> RenderableType:
    """What there is to show under a name.

    Args:
        name: `suite/dataset/method`, the same with `/3` or `/seed-3`, or the path of a
            record or of a failure.
        results: the results folder.
        current: gives the keys of the cells that the suites of some records ask for now.

    Raises:
        UserError: nothing goes by that name; the message names the nearest that is there.
    """
    if (file := Path(name)).is_file():
        return _show_file(file)
    place = _place(name)
    record, failure = results / f"{place}.json", _failures(results).get(place)
    if failure and record.is_file():
        older = Text("An older record, of other settings or data:", style="bold")
        return Group(show_failure(failure), older, show_record(read_record(record)))
    if failure:
        return show_failure(failure)
    if record.is_file():
        return show_record(read_record(record))
    cells = [cell for cell in _cells(results) if cell.rpartition("/")[0] == place]
    records = [read_record(results / f"{cell}.json") for cell in cells]
    if len(records) == 1:
        return show_record(records[0])
    if records:
        return _show_rows(records, current(records))
    raise UserError(_nothing(name, place, results))


def _show_file(file: Path) -> RenderableType:
    if file.name.endswith(FAILED):
        return show_failure(read_failure(file))
    return show_record(read_record(file))


def _show_rows(records: list[Record], current: Container[str]) -> RenderableType:
    """What stands on the board of a method's records, and why the rest does not."""
    boards, left_out = arrange(records, current)
    rows = [row for board in boards for row in (*board.rows, *board.variants)]
    notes = [f"left out: {len(group.records)}, {group.reason}" for group in left_out]
    return Group(*map(show_row, rows), *map(Text, notes))


def cell_names(results: Path) -> list[str]:
    """Methods and cells below a results folder, as `find_cell` takes them."""
    cells = _cells(results)
    return sorted({*cells, *_failures(results), *(cell.rpartition("/")[0] for cell in cells)})


def _place(name: str) -> str:
    place = name.strip("/").removesuffix(".json")
    head, _, last = place.rpartition("/")
    return f"{head}/{_SEED}{last}" if last.isdecimal() else place


def _cells(results: Path) -> list[str]:
    """Finished cells."""
    files = record_files(results)
    return [file.relative_to(results).with_suffix("").as_posix() for file in files]


def _failures(results: Path) -> dict[str, Failure]:
    failures = read_failures(results)
    return {f.cell.path.with_suffix("").as_posix(): f for f in failures}


def _nothing(name: str, place: str, results: Path) -> str:
    known = cell_names(results)
    if not results.is_dir():
        return f"no cell {name!r}: there is no folder {results} (see `bench run`)"
    if not known:
        return f"no cell {name!r}: {results} holds no records (see `bench run`)"
    near = difflib.get_close_matches(place, known, n=1, cutoff=0.5)
    if near:
        return f"no cell {name!r} in {results}: did you mean {near[0]!r}?"
    form = "write suite/dataset/method" if place.count("/") not in {2, 3} else "there are others"
    return f"no cell {name!r} in {results}: {form}, such as {known[0]!r}"
