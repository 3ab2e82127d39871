"""Options of sbatch as a user gives them, and as submitit takes them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import submitit

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What submitit takes as lists of lines or arguments; one alone may come without brackets.
_LISTS = ("setup", "teardown", "srun_args")
#: Options with which sbatch does not tell the number of the one job to wait for, or waits itself.
_NOT_FOLLOWED = ("array", "clusters", "parsable", "quiet", "test_only", "wait")
#: Options that submitit must give to know what a job does.
_SUBMITITS = ("error", "output", "wrap")
_ONE = ("nodes", "ntasks", "ntasks_per_node", "tasks_per_node")


def sbatch_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `submitit.AutoExecutor.update_parameters`.

    Args:
        options: of sbatch, by name, with "_" for "-", and of submitit, such as `setup`. What
            submitit does not know goes to sbatch, which knows best.

    Raises:
        UserError: with one of them a cell could not be run as a job, or not be waited for.
    """
    known = submitit.SlurmExecutor._valid_parameters()  # noqa: SLF001 - listed nowhere else
    known -= {"additional_parameters"}
    parameters: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in options.items():
        _check(name, value)
        if name in _LISTS and isinstance(value, str):
            parameters[f"slurm_{name}"] = [value]
        elif name in known:
            parameters[f"slurm_{name}"] = value
        elif value is not False:  # else it is off, which sbatch has no words for
            others[name] = value.isoformat() if isinstance(value, date) else value
    return {**parameters, "slurm_additional_parameters": others}


def _check(name: str, value: Any) -> None:
    said = f"--slurm {name.replace('_', '-')}"
    if name == "time" and not isinstance(value, int):
        raise UserError(f"{said}={value}: write minutes, as in time=240")
    if name in _ONE and value != 1:
        raise UserError(f"{said}={value}: a cell is one task on one node")
    if name in (*_NOT_FOLLOWED, *_SUBMITITS) and value is not False:
        raise UserError(f"{said}: `bench run` cannot wait for such a job")
    if name in _LISTS and not _is_text(value):
        raise UserError(f"{said}={value}: write text, or a list of texts in brackets")


def _is_text(value: Any) -> bool:
    return all(isinstance(line, str) for line in (value if isinstance(value, list) else [value]))
