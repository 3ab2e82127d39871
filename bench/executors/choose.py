"""Which executor a user has asked for."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.machine import gpu_names, usable_cores
from bench.names import pick

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.cells import Cell
    from bench.executors import Executor

#: Executor -> the options that it alone has.
EXECUTORS = {"local": ("gpus", "cells_per_gpu"), "dask": ("scheduler",), "slurm": ("slurm",)}
#: Executor, and extra of this package -> the module that it needs.
_NEEDS = {"dask": "distributed", "slurm": "submitit"}


@dataclass(frozen=True, slots=True)
class Choice:
    """What was said about where cells run. One that cannot be met is never made.

    Raises:
        UserError: an unknown executor, one whose extra is not installed, or options that do not
            go together.
    """

    executor: str = "local"
    #: Cells at once; None: as many as there is room for.
    jobs: int | None = None
    #: GPUs of this machine, as CUDA_VISIBLE_DEVICES names them, by commas.
    gpus: str | None = None
    cells_per_gpu: int | None = None
    #: Address of a Dask scheduler.
    scheduler: str | None = None
    #: Options of sbatch, each "key=value".
    slurm: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pick(self.executor, EXECUTORS, "executor")
        needed = _NEEDS.get(self.executor)
        if needed and find_spec(needed) is None:
            hint = f"pip install 'smer-bench[{self.executor}]'"
            raise UserError(f"--executor {self.executor} needs {needed}: {hint}")
        for executor, options in EXECUTORS.items():
            for option in options:
                if getattr(self, option) not in (None, ()) and executor != self.executor:
                    name = option.replace("_", "-")
                    raise UserError(f"--{name} goes with --executor {executor} only")
        if self.cells_per_gpu and self.gpus is None:
            raise UserError("--cells-per-gpu needs --gpus, such as --gpus 0,1")
        devices = self.devices
        if "" in devices or len(set(devices)) < len(devices):
            raise UserError(f"--gpus {self.gpus!r}: write each GPU once, such as 0,1")
        room = self.room_on_gpus
        if room and self.jobs and self.jobs > room:
            raise UserError(f"-j {self.jobs}: --gpus and --cells-per-gpu leave room for {room}")
        _check_gpus(devices)

    @property
    def devices(self) -> list[str]:
        """The GPUs, one by one."""
        return [] if self.gpus is None else [name.strip() for name in self.gpus.split(",")]

    @property
    def room_on_gpus(self) -> int:
        """Cells at once that the named GPUs have room for."""
        return len(self.devices) * (self.cells_per_gpu or 1)


@contextmanager
def open_executor(choice: Choice, cells: Sequence[Cell]) -> Iterator[Executor]:
    """The chosen executor, ready to run these cells.

    Raises:
        UserError: what it needs is not there.
    """
    if choice.executor == "dask":
        from bench.executors.dask import DaskExecutor, connected

        with connected(choice.scheduler, choice.jobs or default_jobs(cells)) as client:
            yield DaskExecutor(client, choice.jobs)
    elif choice.executor == "slurm":
        from bench.cells import parse_changes
        from bench.executors.slurm import SlurmExecutor

        options = parse_changes(choice.slurm, option="--slurm", example="partition=gpu")
        yield SlurmExecutor(options, choice.jobs)
    else:
        from bench.executors.local import LocalExecutor

        jobs = choice.jobs or choice.room_on_gpus or default_jobs(cells)
        yield LocalExecutor(jobs, choice.devices)


def default_jobs(cells: Sequence[Cell]) -> int:
    """As many cells at once as the cores allow, given the threads each takes."""
    cores = usable_cores()
    threads = max((cell.threads or cores for cell in cells), default=1)
    return max(1, min(len(cells), cores // threads))


def _check_gpus(devices: Sequence[str]) -> None:
    """A process that sees no GPU would train on the processor, for days.

    Raises:
        UserError: one of them is not on this machine.
    """
    there = gpu_names() if devices else []
    for device in devices:
        # UUIDs may be cut short, as CUDA has it.
        if device not in there and not any(
            name.startswith(device) for name in there if device.startswith(("GPU-", "MIG-"))
        ):
            known = ", ".join(name for name in there if name.isdecimal()) or "none"
            raise UserError(f"--gpus: no NVIDIA GPU {device!r} here; there are: {known}")
