"""What the commands that show a board read: records, what the suites ask for, songs of clips."""

from __future__ import annotations

import gc
from collections import defaultdict
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bench.cells import Cell
    from bench.records import Record
    from bench.report.findings import Findings


def board_records(results: Path, *, may_be_empty: bool = False) -> list[Record]:
    """All records below a folder.

    Args:
        results: the folder.
        may_be_empty: whether it is right that there is nothing in it.

    Raises:
        UserError: there is no such folder, or neither a record nor a failure where they belong in
            it; or as `bench.store.read_records`.
    """
    from bench.errors import UserError
    from bench.store import json_files, read_failures, read_records

    if not results.is_dir():
        raise UserError(f"{results}: there is no such folder of records")
    with _without_garbage_collection():
        records = read_records(results, condensed=True)
    as_it_may_be = may_be_empty and not json_files(results)
    if not (records or as_it_may_be or read_failures(results)):
        raise UserError(
            f"{results}: no records in it; they lie below SUITE/DATASET/METHOD: name the folder "
            "that holds the suites"
        )
    return records


def findings_of(results: Path) -> Findings:
    """What the records and failures below a folder come to.

    Raises:
        UserError: as `board_records`.
    """
    from bench.report.findings import Findings
    from bench.store import read_failures
    from bench.suites import load_suite, suite_names

    records = board_records(results)
    cells = _planned_cells(records)
    return Findings.of(
        records,
        read_failures(results),
        expected=[cell.identity for cell in cells],
        current=_keys(cells),
        songs=songs_of_clips(records),
        about={name: load_suite(name).description for name in suite_names()},
    )


def current_keys(records: Iterable[Record]) -> set[str]:
    """Keys of the cells that the suites of these records ask for now."""
    return _keys(_planned_cells(records))


def _keys(cells: Iterable[Cell]) -> set[str]:
    from bench.errors import UserError

    keys = set()
    for cell in cells:
        with suppress(UserError):  # its start is not here
            keys.add(cell.key)
    return keys


def _planned_cells(records: Iterable[Record]) -> list[Cell]:
    """The cells of the suites that these records are of, as far as they come with the package."""
    from bench.cells import plan
    from bench.suites import load_suite, suite_names

    suites = {record.cell.suite for record in records}
    return [cell for name in sorted(suites & set(suite_names())) for cell in plan(load_suite(name))]


def songs_of_clips(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """Clip -> song of the records' datasets, by dataset.

    Those of another package are asked of it, if it is installed and has the same clips.
    """
    from bench.datasets import clip_songs
    from bench.errors import UserError

    songs = {}
    for name, digests in sorted(_digests(records).items()):
        with suppress(UserError):  # not installed, or it fails: then the board says so
            if _is_known(name, digests):
                songs[name] = clip_songs(name)
    return songs


def _digests(records: Iterable[Record]) -> dict[str, set[str]]:
    """Digests of the manifests that were measured on, by dataset."""
    digests: dict[str, set[str]] = defaultdict(set)
    for record in records:
        digests[record.cell.dataset].add(record.dataset.digest)
    return digests


def _is_known(name: str, digests: set[str]) -> bool:
    """Whether the clips of a dataset are those that were measured, for all that can be told.

    A clip of the benchmark's own datasets keeps its song from version to version.
    """
    from bench.datasets import dataset_info
    from bench.datasets.builtin import BUILT_IN

    return name in BUILT_IN or digests == {dataset_info(name).digest}


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Records are many objects and no cycle: to search them takes a quarter of the reading more."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
        gc.freeze()
