"""What of this machine a process may use."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use: on a shared node or in a container fewer than there are."""
    from loky import cpu_count  # which counts a container's quota, too; takes a moment to import

    return int(cpu_count())


def lacks_for_kernels() -> str:
    """What Triton's kernels, which a GPU runs, would miss here; empty if nothing."""
    if find_spec("triton") is None:
        return "Triton, which comes with torch on Linux"
    if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
        return "a C compiler, gcc or clang, for Triton"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers, such as the package python3-dev, for Triton"
    return ""


@cache
def has_amx() -> bool:
    """Whether the processor has AMX, units for products in bfloat16, and Linux grants their use."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return {"amx_bf16", "avx512_bf16", "avx512vl"} <= {*flags} and _grants_tiles()


def lacks_for_amx() -> str:
    """What the compiled attention, for processors with AMX, would miss here; empty if nothing."""
    if not has_amx():
        return "a processor with AMX, under a Linux that grants its use"
    if cxx_compiler() is None:
        return "a C++ compiler, g++ or clang++"
    return ""


def cxx_compiler() -> str | None:
    """The command for C++, as one types it: what CXX says, or one that is installed."""
    for command in (os.environ.get("CXX", ""), "g++", "clang++"):
        with suppress(ValueError, IndexError):  # an open quote; nothing
            if shutil.which(shlex.split(command)[0]):
                return command
    return None


def _grants_tiles() -> bool:
    """Asks Linux for AMX's tiles, which a process may use only after that."""
    arch_prctl, request, tile_data = 158, 0x1023, 18  # ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    refused: int = ctypes.CDLL(None).syscall(arch_prctl, request, tile_data)
    return not refused


def gpu_names() -> list[str]:
    """What CUDA_VISIBLE_DEVICES may call the NVIDIA GPUs of this machine: numbers, then UUIDs."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        answer = subprocess.run(
            [program, "-L"], capture_output=True, text=True, check=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    numbers = re.findall(r"^GPU (\d+):", answer, re.MULTILINE)
    return numbers + re.findall(r"UUID: ((?:GPU|MIG)-[\w/-]+)\)", answer)
