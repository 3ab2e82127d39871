"""Cells as jobs of Slurm, one each, submitted and watched with submitit.

A job runs its cell in a process of its own, as `local` does, and leaves the answer in a folder in
the cache, which every node must see. A job that Slurm preempts, or whose limit in Slurm comes
before the cell's, is queued again and goes on from the cell's last epoch. Jobs outlive the process
that submitted them: the next one finds them by their cells' keys, and submits none twice.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import submitit

from bench.errors import UserError
from bench.executors import Failed, Finished, Returned, Started
from bench.executors.answers import answer_claims, answer_folder
from bench.executors.process import interrupts_blocked, run_alone
from bench.executors.sbatch import sbatch_parameters

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from bench.cells import Cell
    from bench.claims import Claim
    from bench.executors import Event

#: Seconds between two looks at all jobs, and from a job's end until its answer must be visible.
_LOOK = 1.0
_SETTLE = 15.0
#: Seconds after an answer for which Slurm may still count its job against a limit.
_LINGER = 60.0
#: Seconds for which Slurm's accounting may not know a job before its queue is asked.
_UNKNOWN = 600.0
#: Minutes that a job has beyond its cell's time limit.
_SPARE = 5
_LOG_TAIL = 4000
#: States of a job that will still answer; the first word of what Slurm's accounting says. One that
#: was preempted may be queued again or over, as its partition has it.
_ALIVE = {"PENDING", "RUNNING", "CONFIGURING", "REQUEUED", "SUSPENDED", "COMPLETING"}
_NOT_KNOWN = "UNKNOWN"
#: What squeue says of a job that is over.
_NO_JOB = "Invalid job id"
#: What submitit raises when sbatch takes no job, and what else may keep a cell from being one.
_REFUSED = RuntimeError
_NOT_SUBMITTED = (OSError, subprocess.SubprocessError, UserError)


class SlurmExecutor:
    """Submits cells to Slurm.

    Args:
        options: see `sbatch_parameters`, such as partition="gpu", gpus=1; `time` in minutes.
        jobs: how many jobs to have in the queue at once; None: one for each cell.
        cluster: whom submitit asks; "local" runs the jobs on this machine.

    Raises:
        UserError: as `sbatch_parameters`, or there is no Slurm here.
    """

    def __init__(
        self, options: Mapping[str, Any], jobs: int | None = None, *, cluster: str = "slurm"
    ) -> None:
        self._parameters = sbatch_parameters(options)
        if cluster == "slurm" and not shutil.which("sbatch"):
            raise UserError("--executor slurm: there is no Slurm here: sbatch is not found")
        self.options = options
        self.jobs = jobs
        self.cluster = cluster
        self._limit = _Limit()

    def __str__(self) -> str:
        return f"{self.jobs} at a time, as jobs of Slurm" if self.jobs else "as jobs of Slurm"

    def run(self, cells: Iterator[Cell]) -> Generator[Event, None, None]:
        """See `Executor.run`.

        Raises:
            UserError: sbatch takes no job, though none is in the queue.
        """
        jobs: list[_Job] = []
        try:
            yield from self._run(cells, jobs)
        finally:
            for job in jobs:
                job.cancel()
            answer_claims().tidy()

    def _run(self, cells: Iterator[Cell], jobs: list[_Job]) -> Iterator[Event]:
        room, more = self.jobs or math.inf, True
        while True:
            while more and len(jobs) < room and time.monotonic() >= self._limit.over:
                cell = next(cells, None)
                if cell is None:
                    more = False
                    break
                try:
                    jobs.append(self._job(cell))
                except _REFUSED as error:
                    self._limit.reached(len(jobs), error)
                    yield Returned(cell)
                except _NOT_SUBMITTED as error:
                    yield Started(cell)
                    yield Failed(cell, f"not submitted: {_last_line(error)}", str(error))
            if not jobs and not more:
                return
            for job in list(jobs):
                for event in job.news():
                    if isinstance(event, Finished | Failed):
                        jobs.remove(job)
                        job.claim.release()
                        self._limit.job_ended()
                    yield event
            time.sleep(_LOOK)

    def _job(self, cell: Cell) -> _Job:
        """The cell's job, for as long as it lives this process's alone."""
        claim = answer_claims().claim(cell.key)
        if claim is None:
            raise UserError("another `bench run` waits for this cell's job, with other --results")
        try:
            return _Job(cell, self._left_behind(cell) or self._submit(cell), claim)
        except (_REFUSED, *_NOT_SUBMITTED):
            claim.release()
            raise

    def _submit(self, cell: Cell) -> submitit.Job[Finished | Failed]:
        folder = answer_folder(cell.key)
        shutil.rmtree(folder, ignore_errors=True)  # of a job that ended without an answer
        executor = submitit.AutoExecutor(folder, cluster=self.cluster)
        executor.update_parameters(
            name="smer-bench",
            timeout_min=math.ceil(cell.time_limit_minutes) + _SPARE,
            cpus_per_task=cell.threads or None,
            **self._parameters,
        )
        try:
            with interrupts_blocked():
                return executor.submit(_RunCell(), cell)
        except _REFUSED:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _left_behind(self, cell: Cell) -> submitit.Job[Finished | Failed] | None:
        """The cell's job that another process has submitted, if it has or may have a record.

        One that has failed is not taken: since, its method may have been mended.
        """
        for path in answer_folder(cell.key).glob("*_submitted.pkl"):
            job_id = path.name.removesuffix("_submitted.pkl")
            job: submitit.Job[Finished | Failed] = submitit.SlurmJob(path.parent, job_id)
            if not job.paths.result_pickle.exists():
                if _may_live(job):
                    return job
                continue
            with suppress(Exception):  # it is an error, or cannot be read
                if isinstance(job.result(), Finished):
                    return job
        return None


@dataclass
class _Limit:
    """How many jobs Slurm takes of a user, as far as it shows: sbatch takes no more for now."""

    #: Until when; on the clock of `time.monotonic`, as is when a job has last ended.
    over: float = -math.inf
    last_end: float = -math.inf

    def reached(self, n_jobs: int, error: Exception) -> None:
        """Sbatch has taken no job, and has said why; that many jobs are in the queue.

        Raises:
            UserError: there are none, so it is no limit, and waiting changes nothing.
        """
        now = time.monotonic()
        if not n_jobs and now - self.last_end > _LINGER:
            raise UserError(f"no job could be submitted: {_in_one_line(error)}") from None
        self.over = math.inf if n_jobs else now + _SETTLE

    def job_ended(self) -> None:
        """There is room for another, as soon as Slurm has seen it."""
        self.last_end = time.monotonic()
        self.over = min(self.over, self.last_end + _SETTLE)


class _RunCell:
    """Run a cell; called in the job."""

    def __call__(self, cell: Cell) -> Finished | Failed:
        return run_alone(cell, lambda _: None)

    def checkpoint(self, cell: Cell) -> submitit.helpers.DelayedSubmission:
        """What a job that Slurm takes away is to do when it comes back: the same."""
        return submitit.helpers.DelayedSubmission(self, cell)


@dataclass
class _Job:
    """A job in the queue, running, or just ended."""

    cell: Cell
    job: submitit.Job[Finished | Failed]
    claim: Claim
    started: bool = False
    #: What Slurm says, and since when, if that is no sign of life; the answer may only be late.
    over: tuple[str, float] | None = None

    def news(self) -> Iterator[Event]:
        """What has become of it since the last call."""
        end = self._end()
        if not self.started and (end or self.job.paths.stdout.exists()):
            self.started = True
            yield Started(self.cell)
        if isinstance(end, Failed):
            self._forget()
        if end:  # a record's stays until it is kept; see `forget_answer`
            yield end

    def _end(self) -> Finished | Failed | None:
        self.job.done()  # has a network's file system look again
        if not self.job.paths.result_pickle.exists():
            return self._given_up()
        try:
            return replace(self.job.result(), cell=self.cell)
        except Exception as error:  # noqa: BLE001 - what it has left cannot be read, or is an error
            return self._failed(f"its job {self.job.job_id}: {_last_line(error)}")

    def _given_up(self) -> Failed | None:
        """Why there will be no answer; None as long as there may."""
        state = _state(self.job)
        if state in _ALIVE:
            self._wait_on()
            return None
        if self.over is None or self.over[0] != state:
            self.over = state, time.monotonic()
        if time.monotonic() - self.over[1] < (_UNKNOWN if state == _NOT_KNOWN else _SETTLE):
            return None
        if _may_live(self.job) or self.job.paths.result_pickle.exists():
            self._wait_on()  # or it has ended since its answer was looked for
            return None
        with suppress(OSError, subprocess.SubprocessError):  # should it live after all
            self.job.cancel(check=False)
        if state == _NOT_KNOWN:
            return self._failed(f"its job {self.job.job_id} is not known to Slurm")
        told = self.job.state.lower()
        return self._failed(f"its job {self.job.job_id} ended without an answer: {told}")

    def _wait_on(self) -> None:
        """It lives, though submitit may take its state for an end; have it asked for again."""
        self.over = None
        self.job.watcher._finished.discard(self.job.job_id)  # noqa: SLF001

    def _failed(self, reason: str) -> Failed:
        return Failed(self.cell, reason, (self.job.stderr() or "")[-_LOG_TAIL:])

    def cancel(self) -> None:
        """Take it out of the queue, or end it."""
        with suppress(OSError, subprocess.SubprocessError):
            self.job.cancel(check=False)
        self._forget()
        self.claim.release()

    def _forget(self) -> None:
        shutil.rmtree(answer_folder(self.cell.key), ignore_errors=True)


def _state(job: submitit.Job[Any]) -> str:
    """The first word of what Slurm says of a job, as in "CANCELLED by 1000"."""
    return job.state.split()[0]


def _may_live(job: submitit.Job[Any]) -> bool:
    """Whether an answer may still come. What accounting says is over may be queued again."""
    if _state(job) in _ALIVE:
        return True
    command = ["squeue", "--noheader", "--jobs", job.job_id]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:  # jobs on this machine have none
        return False
    except (OSError, subprocess.SubprocessError):
        return True
    return bool(told.stdout.strip()) if told.returncode == 0 else _NO_JOB not in told.stderr


def _last_line(error: Exception) -> str:
    """What a traceback says in the end."""
    return _lines(error)[-1]


def _in_one_line(error: Exception) -> str:
    """All that sbatch says."""
    return "; ".join(_lines(error))


def _lines(error: Exception) -> list[str]:
    lines = [line.strip() for line in str(error).splitlines()]
    return [line for line in lines if line.strip("- ")] or [type(error).__name__]
