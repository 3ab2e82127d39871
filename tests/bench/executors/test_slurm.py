"""Cells as jobs: on this machine through submitit, and in a queue that is played."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from cells_to_run import strange_cell
from waiting import ended, is_alive, soon, text_of, wait_for

from bench.errors import UserError
from bench.execution import run_cell
from bench.executors import Failed, Finished, Started
from bench.executors import slurm as on_slurm
from bench.executors.answers import answer_folder, forget_answer
from bench.executors.local import LocalExecutor
from bench.executors.slurm import SlurmExecutor
from bench.methods import silent
from bench.running import run_cells
from bench.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.cells import Cell
    from bench.executors import Event


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of jobs for each test, and processes that find the methods of the tests."""
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setattr(on_slurm, "_SETTLE", 0.0)


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a Slurm that is played by `slurm_stand_in.py`."""
    folder = tmp_path / "slurm"
    (folder / "bin").mkdir(parents=True)
    source = Path(__file__).with_name("slurm_stand_in.py").read_text()
    for name in ("sbatch", "srun", "sacct", "squeue", "scancel", "scontrol"):
        program = folder / "bin" / name
        program.write_text(source.replace("/usr/bin/env python", sys.executable, 1))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(folder))
    return folder


def ends(events: Iterable[Event]) -> dict[str, str]:
    """What became of each cell, as text; none may begin or end twice."""
    found: dict[str, str] = {}
    begun = set()
    for event in events:
        if isinstance(event, Started):
            assert event.cell not in begun
            begun.add(event.cell)
        else:
            assert isinstance(event, Finished | Failed)
            assert event.cell in begun
            assert str(event.cell) not in found
            if isinstance(event, Finished):  # as who keeps its record does
                forget_answer(event.cell.key)
            text = event.record.predictions if isinstance(event, Finished) else event.reason
            found[str(event.cell)] = str(text)
    return found


def jobs(queue: Path) -> list[int]:
    """The numbers of the jobs submitted so far, which are those of their processes."""
    return [int(path.stem) for path in queue.glob("*.job")]


def jobs_left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "slurm").glob("[!.]*"))


def submit_and_die(cell: Cell) -> None:
    def run() -> None:
        events = SlurmExecutor({}).run(iter([cell]))
        next(events)
        os._exit(0)  # before `events` ends, which would cancel the job

    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    process.join(300)
    assert process.exitcode == 0


def submit_die_and_be_answered(cell: Cell) -> None:
    submit_and_die(cell)
    assert soon(lambda: list(answer_folder(cell.key).glob("*_result.pkl")))


def test_jobs_give_the_records_that_every_executor_gives(tmp_path: Path) -> None:
    cells = [
        strange_cell("Uniform"),
        strange_cell("Raises"),
        replace(strange_cell("Sleeps"), time_limit_minutes=0.02),
    ]
    assert ends(SlurmExecutor({}, cluster="local").run(iter(cells))) == {
        "test/synthetic/uniform/seed-0": str(run_cell(cells[0], silent).predictions),
        "test/synthetic/raises/seed-0": "ValueError: no such luck",
        "test/synthetic/sleeps/seed-0": "over its time limit of 0.02 minutes",
    }
    assert jobs_left(tmp_path) == []


def test_options_reach_sbatch(queue: Path) -> None:
    cell = replace(strange_cell("Uniform"), threads=2, time_limit_minutes=90.0)
    options = {
        "partition": "long",
        "gpus_per_node": 1,
        "reservation": "x",  # which submitit does not know
        "begin": datetime(2030, 1, 20, 12, 34),  # noqa: DTZ001 - as TOML has it
        "ntasks": 1,
        "ntasks_per_core": 2,  # at the most
        "wait": False,
        "setup": "module load x",
        "teardown": ["module unload x", "true"],
    }
    executor = SlurmExecutor(options)
    assert list(ends(executor.run(iter([cell])))) == [str(cell)]
    (job,) = queue.glob("*.job")
    lines = job.read_text().splitlines()
    for option in (
        *("partition=long", "gpus-per-node=1", "reservation=x", "begin=2030-01-20T12:34:00"),
        *("ntasks=1", "cpus-per-task=2", "time=95"),
    ):
        assert f"#SBATCH --{option}" in lines
    assert {"module load x", "module unload x"} <= set(lines)


@pytest.mark.parametrize("state", ["FAILED", "PREEMPTED"])
def test_a_job_that_is_killed_is_a_cell_that_failed(
    queue: Path, tmp_path: Path, state: str
) -> None:
    (queue / "ended").write_text(state)
    events = SlurmExecutor({}).run(iter([strange_cell("Sleeps")]))
    assert isinstance(next(events), Started)
    (job,) = jobs(queue)
    os.killpg(job, signal.SIGKILL)
    (end,) = events
    assert isinstance(end, Failed)
    assert end.reason == f"its job {job} ended without an answer: {state.lower()}"
    assert jobs_left(tmp_path) == []


def test_closing_cancels_jobs(queue: Path, tmp_path: Path) -> None:
    events = SlurmExecutor({}).run(iter([strange_cell("Sleeps")]))
    next(events)
    (job,) = jobs(queue)
    assert is_alive(job)
    events.close()
    assert ended(job)
    assert jobs_left(tmp_path) == []


def test_a_job_that_outlives_its_submitter_is_not_submitted_again(queue: Path) -> None:
    cell = strange_cell("Uniform")
    submit_and_die(cell)
    told = ends(SlurmExecutor({}).run(iter([cell])))
    assert told == {str(cell): str(run_cell(cell, silent).predictions)}
    assert len(jobs(queue)) == 1


def test_a_job_that_has_failed_meanwhile_is_submitted_again(queue: Path) -> None:
    cell = strange_cell("Raises")
    submit_die_and_be_answered(cell)
    told = ends(SlurmExecutor({}).run(iter([cell])))
    assert told == {str(cell): "ValueError: no such luck"}
    assert len(jobs(queue)) == 2


def test_an_answer_is_not_kept_for_a_cell_that_was_run_elsewhere(
    queue: Path, tmp_path: Path
) -> None:
    cell = strange_cell("Uniform")
    submit_die_and_be_answered(cell)
    assert len(jobs_left(tmp_path)) == len(jobs(queue)) == 1
    outcome = run_cells(Store(tmp_path), [cell], LocalExecutor(1), lambda _: None)
    assert outcome.finished == [cell]
    assert jobs_left(tmp_path) == []


def test_a_job_answers_one_of_two_runs(queue: Path) -> None:
    cell = replace(strange_cell("Sleeps"), time_limit_minutes=0.05)
    first = SlurmExecutor({}).run(iter([cell]))
    next(first)
    (told,) = ends(SlurmExecutor({}).run(iter([cell]))).values()
    assert "another `bench run` waits for this cell's job" in told
    assert len(jobs(queue)) == 1
    assert isinstance(next(first), Failed)  # over its time limit, as it would have been alone


def test_a_job_that_slurm_does_not_know_yet_is_not_submitted_again(queue: Path) -> None:
    cell = strange_cell("Uniform")
    submit_and_die(cell)
    (queue / "silent").touch()
    on_slurm.submitit.SlurmJob.watcher.clear()  # as in a process that begins anew
    told = ends(SlurmExecutor({}).run(iter([cell])))
    assert told == {str(cell): str(run_cell(cell, silent).predictions)}
    assert len(jobs(queue)) == 1


def test_without_accounting_the_queue_tells_what_lives(
    queue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_slurm, "_UNKNOWN", 0.0)
    (queue / "silent").touch()
    cell = replace(strange_cell("Sleeps"), time_limit_minutes=0.05)
    told = ends(SlurmExecutor({}).run(iter([cell])))
    assert told == {"test/synthetic/sleeps/seed-0": "over its time limit of 0.05 minutes"}


def test_a_job_that_slurm_never_knows_is_given_up(
    queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_slurm, "_UNKNOWN", 0.0)
    for name in ("silent", "forgotten"):
        (queue / name).touch()
    told = ends(SlurmExecutor({}).run(iter([strange_cell("Sleeps")])))
    (job,) = jobs(queue)
    assert told == {"test/synthetic/sleeps/seed-0": f"its job {job} is not known to Slurm"}
    assert ended(job)
    assert jobs_left(tmp_path) == []


@pytest.mark.parametrize("state", ["SUSPENDED", "CONFIGURING", "PREEMPTED", "NODE_FAIL"])
def test_a_job_that_may_go_on_is_waited_for(queue: Path, state: str) -> None:
    (queue / "running").write_text(state)
    cell = replace(strange_cell("Sleeps"), time_limit_minutes=0.05)
    told = ends(SlurmExecutor({}).run(iter([cell])))
    assert told == {"test/synthetic/sleeps/seed-0": "over its time limit of 0.05 minutes"}


@pytest.mark.parametrize("state", ["SUSPENDED", "CONFIGURING"])
def test_a_job_that_does_not_go_on_after_all_is_given_up(queue: Path, state: str) -> None:
    (queue / "running").write_text(state)
    events = SlurmExecutor({}).run(iter([strange_cell("Sleeps")]))
    assert isinstance(next(events), Started)
    (job,) = jobs(queue)
    (queue / "ended").write_text("CANCELLED by 0")
    os.killpg(job, signal.SIGKILL)
    (end,) = events
    assert isinstance(end, Failed)
    assert end.reason == f"its job {job} ended without an answer: cancelled by 0"


def test_an_answer_lies_there_until_its_record_is_kept(queue: Path, tmp_path: Path) -> None:
    store, cell = Store(tmp_path / "results"), strange_cell("Uniform")
    store.root.mkdir()
    (store.root / cell.suite).write_text("no folder: as a full disk, it takes no record")
    outcome = run_cells(store, [cell], SlurmExecutor({}), lambda _: None)
    assert [failed for failed, _ in outcome.failed] == [cell]
    assert len(jobs_left(tmp_path)) == 1
    (store.root / cell.suite).unlink()
    assert run_cells(store, [cell], SlurmExecutor({}), lambda _: None).finished == [cell]
    assert jobs_left(tmp_path) == []
    assert len(jobs(queue)) == 1


def test_a_job_that_died_with_its_submitter_is_submitted_again(queue: Path, tmp_path: Path) -> None:
    cell = strange_cell("SleepsOnce", path=str(tmp_path / "parent"))
    submit_and_die(cell)
    wait_for(tmp_path / "parent")
    os.killpg(*jobs(queue), signal.SIGKILL)
    told = ends(SlurmExecutor({}).run(iter([cell])))
    assert told == {str(cell): str(run_cell(cell, silent).predictions)}
    assert len(jobs(queue)) == 2


def test_a_job_that_slurm_preempts_ends_its_cell_and_is_queued_again(
    queue: Path, tmp_path: Path
) -> None:
    parent = tmp_path / "parent"
    events = SlurmExecutor({}).run(iter([strange_cell("SleepsOnce", path=str(parent))]))
    next(events)
    submitit = psutil.Process(int(text_of(parent)))
    cells = submitit.children()
    submitit.send_signal(signal.SIGUSR2)  # as Slurm does
    assert [int(text_of(queue / "requeued"))] == jobs(queue)
    _, alive = psutil.wait_procs([submitit, *cells], timeout=30)
    assert not alive
    events.close()


def test_an_interrupt_leaves_a_submission_alone(queue: Path, tmp_path: Path) -> None:
    cell, told = strange_cell("Uniform"), tmp_path / "told"

    def run() -> None:
        os.setpgid(0, 0)  # as a terminal has it, with what it starts
        signal.signal(signal.SIGINT, lambda *_: None)
        told.write_text(str(ends(SlurmExecutor({}).run(iter([cell])))))

    (queue / "slow").touch()
    process = multiprocessing.get_context("fork").Process(target=run, daemon=True)
    process.start()
    wait_for(queue / "asked")
    assert process.pid
    os.killpg(process.pid, signal.SIGINT)
    (queue / "slow").unlink()
    process.join(300)
    assert told.read_text() == str({str(cell): str(run_cell(cell, silent).predictions)})


def test_where_slurm_takes_no_job_nothing_is_run_and_no_cell_has_failed(
    queue: Path, tmp_path: Path
) -> None:
    (queue / "refuse").write_text(
        "sbatch: error: invalid partition specified: lnog\n"
        "sbatch: error: Batch job submission failed: Invalid partition name specified\n"
    )
    store, cells = Store(tmp_path), [strange_cell("Uniform", seed) for seed in range(2)]
    with pytest.raises(UserError) as told:
        run_cells(store, cells, SlurmExecutor({"partition": "lnog"}), lambda _: None)
    assert str(told.value) == (
        "no job could be submitted: sbatch: error: invalid partition specified: lnog; "
        "sbatch: error: Batch job submission failed: Invalid partition name specified"
    )
    assert not any(store.has_failed(cell) for cell in cells)
    assert jobs_left(tmp_path) == []


@pytest.mark.parametrize("limit", [1, 2])
def test_cells_wait_where_the_number_of_jobs_is_limited(
    queue: Path, tmp_path: Path, limit: int
) -> None:
    (queue / "limit").write_text(str(limit))
    cells = [strange_cell("Uniform", seed) for seed in range(3)]
    told: list[Event] = []
    run_cells(Store(tmp_path), cells, SlurmExecutor({}), told.append)
    assert ends(told) == {str(cell): str(run_cell(cell, silent).predictions) for cell in cells}


def test_a_cell_that_waits_for_room_is_not_submitted_after_an_interrupt(
    queue: Path, tmp_path: Path
) -> None:
    (queue / "limit").write_text("1")
    store, cells = Store(tmp_path), [strange_cell("Uniform", seed) for seed in range(2)]

    def tell(event: Event) -> None:
        if isinstance(event, Started):
            os.kill(os.getpid(), signal.SIGINT)

    outcome = run_cells(store, cells, SlurmExecutor({}), tell)
    assert (outcome.interrupted, outcome.finished, outcome.failed) == (True, cells[:1], [])
    assert len(jobs(queue)) == 1
    claim = store.claim(cells[1])
    assert claim  # another run may have it
    claim.release()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": "4:00:00"}, "--slurm time=4:00:00: write minutes, as in time=240"),
        ({"nodes": 2}, "--slurm nodes=2: a cell is one task on one node"),
        ({"nodes": "x"}, "--slurm nodes=x: a cell is one task on one node"),
        ({"ntasks_per_node": 2}, "--slurm ntasks-per-node=2: a cell is one task on one node"),
        ({"output": "x"}, "--slurm output: `bench run` cannot wait for such a job"),
        ({"clusters": "a"}, "--slurm clusters: `bench run` cannot wait for such a job"),
        ({"setup": 1}, "--slurm setup=1: write text, or a list of texts in brackets"),
        ({"srun_args": [1]}, "--slurm srun-args=[1]: write text, or a list of texts in brackets"),
        ({}, "--executor slurm: there is no Slurm here: sbatch is not found"),
    ],
)
def test_mistakes(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError) as told:
        SlurmExecutor(options)
    assert str(told.value).startswith(message)
