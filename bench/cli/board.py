"""What the commands that show a board read: records, what the suites ask for, songs of clips."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bench.records import CellIdentity, Record


def board_records(results: Path) -> list[Record]:
    """All records below a folder.

    Raises:
        UserError: there is no such folder; or as `bench.store.read_records`.
    """
    from bench.errors import UserError
    from bench.store import read_records

    if not results.is_dir():
        raise UserError(f"{results}: there is no such folder of records")
    with _without_garbage_collection():
        return read_records(results, condensed=True)


def expected_cells(records: Iterable[Record]) -> list[CellIdentity]:
    """The cells of the suites that these records are of, as far as they come with the package."""
    from bench.cells import plan
    from bench.suites import load_suite, suite_names

    suites = {record.cell.suite for record in records}
    return [
        cell.identity
        for name in sorted(suites & set(suite_names()))
        for cell in plan(load_suite(name))
    ]


def suite_descriptions() -> dict[str, str]:
    """What each suite of the package says of itself."""
    from bench.suites import load_suite, suite_names

    return {name: load_suite(name).description for name in suite_names()}


def songs_of_clips(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """Clip -> song of the records' datasets, as far as they come with the package, by dataset."""
    from bench.datasets.builtin import BUILT_IN, built_in_manifest

    datasets = {record.cell.dataset for record in records}
    return {
        name: {row.clip: row.song for row in built_in_manifest(name).rows}
        for name in sorted(datasets & set(BUILT_IN))
    }


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Records are a million small objects and no cycle: the search takes longer than reading."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()
