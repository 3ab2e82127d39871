"""A cell gives the same predictions whenever it is run on one machine.

For a neural cell `test_survival.py` shows it, by the way: what is trained in two processes, one of
them killed, equals what is trained in a third.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.cells import plan
from bench.execution import run_cell
from bench.executors.local import LocalExecutor
from bench.methods import silent
from bench.running import run_cells
from bench.store import Store, read_records
from bench.suites import Suite

if TYPE_CHECKING:
    from pathlib import Path


def test_trees_grow_the_same_in_another_process_and_after_other_cells(tmp_path: Path) -> None:
    methods = {"gbdt-jsymbolic": {"rounds": 10}, "trees-jsymbolic": {"trees": 20}}
    cells = plan(Suite("tiny", "", ["synthetic"], methods, seeds=1))
    assert len(cells) == 2
    run_cells(Store(tmp_path), cells, LocalExecutor(1), lambda _: None)
    first = {record.key: record.predictions for record in read_records(tmp_path)}
    assert first == {cell.key: run_cell(cell, silent).predictions for cell in reversed(cells)}
