"""The compiled functions: built once, by this machine's compiler, and kept in the cache folder."""

from __future__ import annotations

import ctypes
import hashlib
import shlex
import subprocess
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

from bench.errors import UserError
from bench.files import write_atomically
from bench.folders import cache_directory
from bench.machine import cxx_compiler, lacks_for_amx

_FOLDER = Path(__file__).parent
_MAIN = _FOLDER / "attention.cpp"

#: Named one by one, so that what is built on one node of a cluster serves the others.
_INSTRUCTIONS = (
    *("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512bf16"),
    *("fma", "amx-tile", "amx-bf16"),
)
_FLAGS = (
    *("-std=c++17", "-O3", "-shared", "-fPIC", "-pthread", "-w"),
    *(f"-m{name}" for name in _INSTRUCTIONS),
)


@cache
def library() -> ctypes.CDLL | None:
    """What `attention.cpp` exports, for this process; None where it cannot be had.

    Warns where the processor could, but the compiler cannot: training is then slower, not wrong.
    """
    if lacks_for_amx():
        return None
    try:
        return _load(shlex.split(cxx_compiler() or ""))
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", "") or str(error)
        first = next(iter(said.strip().splitlines()), "")
        warnings.warn(f"attention goes without AMX, and slower: {first}", stacklevel=2)
        return None


def _load(compiler: list[str]) -> ctypes.CDLL:
    version = _output([*compiler, "--version"])
    digest = hashlib.sha256(" ".join((version, *_FLAGS)).encode())
    for source in sorted((*_FOLDER.glob("*.cpp"), *_FOLDER.glob("*.h"))):
        digest.update(source.read_bytes())
    file = cache_directory() / "amx" / f"{digest.hexdigest()[:16]}.so"
    if file.exists():
        try:
            return ctypes.CDLL(str(file))
        except OSError:
            pass  # of another system: built anew
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / file.name
        _output([*compiler, *_FLAGS, str(_MAIN), "-o", str(built)])
        loaded = ctypes.CDLL(str(built))
        with suppress(UserError):  # without a cache it is built each time
            write_atomically(file, built.read_bytes())
    return loaded


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
