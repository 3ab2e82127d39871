"""Where, when, with what and at which cost a cell was run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import resource
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.records import Provenance

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = ("bench", "baselines", "models")
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "music21")


def _cpu_seconds() -> float:
    own, children = os.times(), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.user + own.system + children.ru_utime + children.ru_stime


@dataclass(frozen=True)
class Meter:
    """Started before the work, read after it."""

    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=_cpu_seconds)

    def __post_init__(self) -> None:
        git_state()  # of the code that is loaded by now; there may be a commit meanwhile
        _forget_peaks()

    def read(self, module: str) -> Provenance:
        """What the work since the start has cost, and where it ran.

        Args:
            module: of the method that did it; the version of its package is recorded, too, and
                what its code is, if that is not the benchmark's.
        """
        git = git_state()
        return Provenance(
            package=version("smer-bench"),
            revision=git.revision,
            dirty=git.dirty,
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            device=_device(),
            libraries={name: v for name in _libraries(module) if (v := _version(name))},
            wall_seconds=round(time.monotonic() - self.wall, 2),
            cpu_seconds=round(_cpu_seconds() - self.cpu, 2),
            peak_memory_mb=round(_peak_memory_bytes() / 2**20, 1),
            code=code_digest(module),
        )


def code_digest(module: str) -> str:
    """sha256 of the Python files of another package, or of its one module; "" for the benchmark's.

    The benchmark's own code is what the revision names. A package elsewhere may have none, and is
    changed more often than its version.
    """
    name = module.partition(".")[0]
    if name in _OWN:
        return ""
    spec = importlib.util.find_spec(name)
    if spec is None:
        return ""
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    files = {f.relative_to(d).as_posix(): f for d in folders for f in d.rglob("*.py")}
    if not files and spec.origin:
        files = {name: Path(spec.origin)}
    digest = hashlib.sha256()
    for place, file in sorted(files.items()):
        with suppress(OSError):  # removed since it was imported
            digest.update(f"{place}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _libraries(module: str) -> list[str]:
    own = _distributions().get(module.partition(".")[0], [])
    return [*_LIBRARIES, *(name for name in dict.fromkeys(own) if name != "smer-bench")]


@cache  # it looks at all that is installed, and one process runs many cells
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _forget_peaks() -> None:
    """Begin the peaks of memory anew, for one process runs many cells. Linux and CUDA can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def _peak_memory_bytes() -> int:
    with suppress(OSError):
        status = Path("/proc/self/status").read_text()
        if found := re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE):
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@dataclass(frozen=True, slots=True)
class GitState:
    """Of the tree this package is run from."""

    revision: str = ""  # the commit; "" where it is installed, or git cannot tell
    dirty: bool = False  # whether the package's code has other files than that, or more
    #: Why git could not tell, in its own words: it is not there, or the tree is another user's.
    problem: str = ""


@cache
def git_state() -> GitState:
    """What git says of this package's code, asked once a process."""
    folder = Path(__file__).parent
    if not (folder.parent / ".git").exists():
        return GitState()
    try:
        revision = _git(folder, "rev-parse", "HEAD").strip()
        # Results are what a run adds; they do not make the code another.
        changed = _git(folder, "status", "--porcelain", "--", *_OWN)
    except subprocess.CalledProcessError as error:
        return GitState(problem=error.stderr.strip().partition("\n")[0] or str(error))
    except (OSError, subprocess.TimeoutExpired) as error:
        return GitState(problem=str(error))
    return GitState(revision, bool(changed.strip()))


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder.parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout


def _device() -> str:
    """The GPU's name if a method used one in this process, else the CPU's."""
    torch = sys.modules.get("torch")  # never imported for its own sake: it takes seconds
    if torch is not None and torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return str(torch.cuda.get_device_name())
    return cpu_name()


def cpu_name() -> str:
    """The name of this machine's CPU, as records have it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
