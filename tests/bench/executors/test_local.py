"""Where the local executor puts its processes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from cells_to_run import strange_cell

from bench.executors import Finished, process
from bench.executors.local import LocalExecutor

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def gpus_seen(executor: LocalExecutor, n_cells: int) -> list[str | None]:
    cells = (strange_cell("TellsGpu", seed) for seed in range(n_cells))
    events = list(executor.run(cells))
    return [event.record.details["gpu"] for event in events if isinstance(event, Finished)]


def test_cells_share_the_named_gpus_evenly() -> None:
    assert Counter(gpus_seen(LocalExecutor(4, ["3", "GPU-b"]), 4)) == {"3": 2, "GPU-b": 2}


def test_without_a_word_about_gpus_cells_see_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert gpus_seen(LocalExecutor(1), 1) == ["7"]


def test_a_cell_has_the_threads_that_its_key_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("OMP", "MKL", "OPENBLAS"):  # as Dask does
        monkeypatch.setenv(f"{library}_NUM_THREADS", "1")
    cells = [replace(strange_cell("TellsThreads", i), threads=n) for i, n in enumerate((2, 1))]
    events = LocalExecutor(1).run(iter(cells))
    told = [event.record.details["threads"] for event in events if isinstance(event, Finished)]
    assert told == [[2], [1]]


def test_idle_processes_end_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE", 30.0)
    cells = [strange_cell("EndsInCompany", seed, path=str(tmp_path)) for seed in range(2)]
    assert sum(isinstance(event, Finished) for event in LocalExecutor(2).run(iter(cells))) == 2
    assert len(list(tmp_path.glob("met-*"))) == 2


def test_a_thread_that_reports_on_does_not_break_into_a_record() -> None:
    events = list(LocalExecutor(1).run(iter([strange_cell("ReportsOn")])))
    assert isinstance(events[-1], Finished)
