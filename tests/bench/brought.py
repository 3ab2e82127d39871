"""A throwaway package elsewhere, as installed, and the command line beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def bring(folder: Path, points: dict[str, str], modules: dict[str, str]) -> None:
    """Write modules by name, and metadata by which entry points name them.

    Args:
        folder: to be on the path; see `bench`.
        points: "group name", such as "commands not", -> "module:object".
        modules: file, such as "theirs/it.py", -> source.
    """
    for name, source in modules.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    metadata = folder / "brought-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "".join(
            f"[smer_bench.{group}]\n{name} = {value}\n"
            for (group, name), value in ((point.split(), value) for point, value in points.items())
        )
    )


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process that finds what `bring` wrote to `folder`."""
    path = os.pathsep.join([str(folder), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    return subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
    )
