"""What users may say about where cells run."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cells_to_run import strange_cell

from bench.errors import UserError
from bench.executors.choose import Choice, default_jobs, open_executor
from bench.executors.dask import DaskExecutor
from bench.executors.local import LocalExecutor
from bench.executors.slurm import SlurmExecutor

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"executor": "dsk"}, "unknown executor 'dsk': did you mean 'dask'?"),
        ({"scheduler": "tcp://a:1"}, "--scheduler goes with --executor dask only"),
        ({"executor": "dask", "gpus": "0"}, "--gpus goes with --executor local only"),
        ({"executor": "dask", "slurm": ("time=1",)}, "--slurm goes with --executor slurm only"),
        ({"cells_per_gpu": 2}, "--cells-per-gpu needs --gpus, such as --gpus 0,1"),
        ({"executor": "dask", "gpus": ""}, "--gpus goes with --executor local only"),
        ({"gpus": ""}, "--gpus '': write each GPU once, such as 0,1"),
        ({"gpus": "0,"}, "--gpus '0,': write each GPU once, such as 0,1"),
        ({"gpus": "0,0"}, "--gpus '0,0': write each GPU once, such as 0,1"),
        ({"gpus": "0,1", "jobs": 3}, "-j 3: --gpus and --cells-per-gpu leave room for 2"),
    ],
)
def test_what_does_not_go_together(said: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as told:
        Choice(**said)
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("said", "jobs", "gpus"),
    [
        ({"jobs": 3}, 3, []),
        ({"gpus": "0, 1", "cells_per_gpu": 3}, 6, ["0", "1"]),
        ({"gpus": "0,1", "cells_per_gpu": 3, "jobs": 2}, 2, ["0", "1"]),
        ({}, 1, []),  # one cell is no work for more
    ],
)
def test_how_many_cells_at_once(
    said: dict[str, Any], jobs: int, gpus: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.executors.choose.gpu_names", lambda: ["0", "1"])
    with open_executor(Choice(**said), [strange_cell("Uniform")]) as executor:
        assert isinstance(executor, LocalExecutor)
        assert (executor.jobs, executor.gpus) == (jobs, gpus)


@pytest.mark.parametrize(
    ("n_cells", "threads", "jobs"), [(10, 2, 4), (10, 0, 1), (3, 1, 3), (3, 16, 1), (0, 1, 1)]
)
def test_as_many_cells_run_at_once_as_the_cores_allow(
    n_cells: int, threads: int, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.executors.choose.usable_cores", lambda: 8)
    cells = [replace(strange_cell("Uniform", seed), threads=threads) for seed in range(n_cells)]
    assert default_jobs(cells) == jobs


@pytest.mark.parametrize(
    ("gpus", "message"),
    [
        ("0,GPU-8932", None),
        ("MIG-5c31", None),
        ("7", "--gpus: no NVIDIA GPU '7' here; there are: 0, 1"),
        ("0,x", "--gpus: no NVIDIA GPU 'x' here; there are: 0, 1"),
        ("GPU-9", "--gpus: no NVIDIA GPU 'GPU-9' here; there are: 0, 1"),
    ],
)
def test_gpus_that_are_not_there_are_told(
    gpus: str, message: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\n"
        "echo 'GPU 0: NVIDIA H200 (UUID: GPU-8932f937-d72c)'\n"
        "echo 'GPU 1: NVIDIA H200 (UUID: GPU-1c31f937-d72c)'\n"
        "echo '  MIG 1g.18gb Device 0: (UUID: MIG-5c31f937/1/0)'\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    if message is None:
        assert Choice(gpus=gpus).devices == gpus.split(",")
        return
    with pytest.raises(UserError, match=re.escape(message)):
        Choice(gpus=gpus)


def test_without_nvidias_program_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="no NVIDIA GPU '0' here; there are: none"):
        Choice(gpus="0")


def test_options_of_sbatch_may_be_written_as_sbatch_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sbatch").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = Choice("slurm", jobs=4, slurm=("cpus-per-task=2", "mem=8GB"))
    with open_executor(said, [strange_cell("Uniform")]) as executor:
        assert isinstance(executor, SlurmExecutor)
        assert (executor.jobs, executor.options) == (4, {"cpus_per_task": 2, "mem": "8GB"})
    with (
        pytest.raises(UserError, match="--slurm 'long': write key=value, as in partition=gpu"),
        open_executor(Choice("slurm", slurm=("long",)), []),
    ):
        pass


def test_dask_without_a_scheduler_runs_as_many_cells_as_are_asked_for() -> None:
    with open_executor(Choice("dask", jobs=3), [strange_cell("Uniform")]) as executor:
        assert isinstance(executor, DaskExecutor)
        assert sum(executor.client.nthreads().values()) == 3


@pytest.mark.parametrize(("executor", "module"), [("dask", "distributed"), ("slurm", "submitit")])
def test_an_extra_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, executor: str, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with (
        pytest.raises(UserError) as told,
        open_executor(Choice(executor), [strange_cell("Uniform")]),
    ):
        pass
    hint = f"pip install 'smer-bench[{executor}]'"
    assert str(told.value) == f"--executor {executor} needs {module}: {hint}"
