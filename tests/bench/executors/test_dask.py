"""Cells on Dask clusters that die in part or as a whole."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest
from cells_to_run import strange_cell
from distributed import LocalCluster
from waiting import soon, text_of, wait_for

from bench.cells import plan
from bench.errors import UserError, WorkError
from bench.execution import run_cell
from bench.executors import Failed, Finished, Progressed, Started
from bench.executors import dask as on_dask
from bench.executors.dask import DaskExecutor, connected
from bench.methods import silent
from bench.suites import load_suite

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench.cells import Cell
    from bench.executors import Event


def ends(events: Iterable[Event]) -> dict[str, str]:
    """What became of each cell, as text; none may end twice."""
    told = [
        (str(e.cell), str(e.record.predictions) if isinstance(e, Finished) else e.reason)
        for e in events
        if isinstance(e, Finished | Failed)
    ]
    assert len(told) == len(dict(told))
    return dict(told)


def children() -> set[psutil.Process]:
    """The processes that this one has started, but for Python's own."""
    found = psutil.Process().children(recursive=True)
    return {p for p in found if "resource_tracker" not in " ".join(p.cmdline())}


def test_every_cell_ends_once_although_a_worker_is_killed(tmp_path: Path) -> None:
    smoke = [c for c in plan(load_suite("smoke")) if c.method.name in ("majority", "key-mode")]
    parent = tmp_path / "parent"
    victim = strange_cell("SleepsOnce", path=str(parent))
    cells = [victim, *smoke]
    events: list[Event] = []
    begun: list[Cell] = []
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        connected(cluster.scheduler_address, 1) as client,
    ):
        for event in DaskExecutor(client).run(iter(cells)):
            events.append(event)
            if isinstance(event, Progressed) and not event.fraction:
                begun.append(event.cell)
                if event.cell is victim and begun.count(victim) == 1:
                    os.kill(int(text_of(parent)), signal.SIGKILL)
    assert begun.count(victim) == 2
    assert sum(isinstance(event, Started) for event in events) == len(cells)
    assert ends(events) == {str(c): str(run_cell(c, silent).predictions) for c in cells}


def test_the_cell_of_a_worker_that_leaves_is_run_by_another(tmp_path: Path) -> None:
    cell = strange_cell("SleepsOnce", path=str(tmp_path / "parent"))
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        connected(cluster.scheduler_address, 1) as client,
    ):
        events = DaskExecutor(client).run(iter([cell]))
        next(events)
        wait_for(tmp_path / "parent")
        client.retire_workers([address for address, keys in client.processing().items() if keys])
        assert ends(events) == {str(cell): str(run_cell(cell, silent).predictions)}


def test_what_goes_wrong_in_a_cell_is_told_as_by_the_local_executor() -> None:
    cells = [
        strange_cell("Dies"),
        strange_cell("Uniform"),
        replace(strange_cell("Sleeps"), time_limit_minutes=0.02),
    ]
    with connected(None, 3) as client:
        events = list(DaskExecutor(client).run(iter(cells)))
    assert ends(events) == {
        "test/synthetic/dies/seed-0": "its process was killed by SIGKILL: out of memory?",
        "test/synthetic/uniform/seed-0": str(run_cell(cells[1], silent).predictions),
        "test/synthetic/sleeps/seed-0": "over its time limit of 0.02 minutes",
    }
    assert any(isinstance(e, Progressed) and e.fraction == 0.5 for e in events)
    assert all(e.cell in cells for e in events)  # these very cells, not copies that travelled


def test_closing_ends_running_cells() -> None:
    with connected(None, 1) as client:
        before = children()
        events = DaskExecutor(client).run(iter([strange_cell("Sleeps")]))
        assert isinstance(next(events), Started)
        assert soon(lambda: children() - before)
        cells = children() - before
        events.close()
        _, alive = psutil.wait_procs(cells, timeout=30)
    assert not alive


def test_when_the_scheduler_is_gone_what_was_taken_has_failed_and_nothing_more_is_taken() -> None:
    cluster = LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    )
    cells = iter([strange_cell("Sleeps"), strange_cell("Sleeps", seed=1)])
    told: list[Event] = []
    with connected(cluster.scheduler_address, 1) as client:
        events = DaskExecutor(client).run(cells)
        assert isinstance(next(events), Started)
        cluster.close()
        with pytest.raises(WorkError, match="scheduler is gone"):
            told.extend(events)
    assert list(ends(told)) == ["test/synthetic/sleeps/seed-0"]
    assert str(next(cells)) == "test/synthetic/sleeps/seed-1"


def test_an_address_where_no_scheduler_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_dask, "_CONNECT", 0.1)
    with (
        pytest.raises(UserError, match=r"^--scheduler tcp://127.0.0.1:9: no scheduler answers: "),
        connected("tcp://127.0.0.1:9", 1),
    ):
        pass
