"""A cell gives the same predictions whenever and wherever on one machine it is run."""

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

TINY = {"width": 16, "layers": 1, "heads": 1, "embedding": 4, "epochs": 2, "max_length": 32}


def test_cells_run_again_in_another_process_and_order_give_the_same(tmp_path: Path) -> None:
    methods = {"gbdt-jsymbolic": {"rounds": 10}, "midibert": TINY}
    cells = plan(Suite("tiny", "", ["synthetic"], methods, seeds=1))
    assert len(cells) == 2
    run_cells(Store(tmp_path), cells, LocalExecutor(1), lambda _: None)
    first = {record.key: record.predictions for record in read_records(tmp_path)}
    assert first == {cell.key: run_cell(cell, silent).predictions for cell in reversed(cells)}
