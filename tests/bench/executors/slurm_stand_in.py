#!/usr/bin/env python
"""The commands of Slurm, as far as is asked: a job runs at once, on this machine.

Called as sbatch, srun, sacct, squeue, scancel or scontrol, with a folder in the variable STAND_IN.
A job's number is that of its process; `<number>.job` there is what was submitted, `refuse` is what
sbatch says instead of taking a job, and `requeued` names the job that wants to be queued again.
Where there is `slow`, sbatch says so in `asked` and takes a job when `slow` is gone; `limit` is how
many jobs there may be at once.
`running` and `ended` are what sacct says of jobs that run, and of those that do not; where there is
`silent`, it knows no job, and where there is `forgotten`, neither does squeue.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

FOLDER = Path(os.environ["STAND_IN"])


def sbatch(path: str) -> None:
    while (FOLDER / "slow").exists():
        (FOLDER / "asked").touch()
        time.sleep(0.02)
    if (FOLDER / "refuse").exists():
        sys.exit((FOLDER / "refuse").read_text())
    alive = [path for path in FOLDER.glob("*.job") if is_alive(path.stem)]
    if (FOLDER / "limit").exists() and len(alive) >= int((FOLDER / "limit").read_text()):
        sys.exit("sbatch: error: QOSMaxSubmitJobPerUserLimit")
    script = FOLDER / f"{uuid.uuid4()}.sh"
    script.write_text(Path(path).read_text())
    process = subprocess.Popen(
        ["bash", "-c", 'export SLURM_JOB_ID=$$ SLURM_NTASKS=1 SLURM_PROCID=0; . "$0"', script],  # noqa: S607
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (FOLDER / f"{process.pid}.job").write_text(script.read_text())
    print("Submitted batch job", process.pid)


def srun(*arguments: str) -> None:
    streams = {}
    command = list(arguments)
    while command[0].startswith("--"):
        name, _, value = command.pop(0).partition("=")
        if name in ("--output", "--error"):
            path = value or command.pop(0)
            streams[name] = path.replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
    for descriptor, name in ((1, "--output"), (2, "--error")):
        os.dup2(os.open(streams[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
    os.execvp(command[0], command)  # noqa: S606 - as the job's script says


def sacct(*_: str) -> None:
    print("JobID|State|NodeList")
    if (FOLDER / "silent").exists():
        return
    for path in FOLDER.glob("*.job"):
        name, state = ("running", "RUNNING") if is_alive(path.stem) else ("ended", "FAILED")
        told = FOLDER / name
        print(f"{path.stem}|{told.read_text() if told.exists() else state}|here")


def squeue(*arguments: str) -> None:
    if (FOLDER / "forgotten").exists() or not is_alive(arguments[-1]):
        sys.exit("slurm_load_jobs error: Invalid job id specified")
    print(arguments[-1])


def scancel(job: str) -> None:
    os.killpg(int(job), signal.SIGKILL)


def scontrol(_requeue: str, job: str) -> None:
    (FOLDER / "requeued").write_text(job)


def is_alive(job: str) -> bool:
    try:
        return Path(f"/proc/{job}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    commands = (sbatch, srun, sacct, squeue, scancel, scontrol)
    {command.__name__: command for command in commands}[Path(sys.argv[0]).name](*sys.argv[1:])
