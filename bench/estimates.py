"""What a plan holds and about how long the rest of it takes."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean
from typing import TYPE_CHECKING

from bench.running import default_jobs
from bench.store import FAILED, read_head

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.store import Head


def estimate(cells: Sequence[Cell], results: Path, *, jobs: int | None) -> Iterator[str]:
    """Lines of text: a group of cells each, then the sum.

    The time of a cell is the mean over the finished cells of its method in its suite and dataset.
    """
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in {cell.key: cell for cell in cells}.values():
        groups[str(cell.path.parent)].append(cell)
    width = max(map(len, groups), default=0)
    total, unknown, todo = 0.0, 0, []
    for name, group in groups.items():
        heads = _heads(results, group[0])
        done = {path: head.key for path, head in heads.items()}
        lacking = [cell for cell in group if done.get(results / cell.path) != cell.key]
        todo += lacking
        times = [h.provenance.wall_seconds for h in heads.values() if h.provenance]
        seconds = mean(times) if times else None
        line = f"{name:<{width}}  {len(group) - len(lacking):>3} of {len(group)} done"
        if lacking and seconds is None:
            unknown += len(lacking)
            line += "  (no time known yet)"
        elif lacking and seconds is not None:
            total += seconds * len(lacking)
            line += f"  about {_duration(seconds)} a cell"
        yield line
    at_once = min(jobs or default_jobs(todo), len(todo) or 1)
    rest = "no estimate"
    if total:
        rest = f"about {_duration(total / at_once)} with {at_once} at a time"
    if unknown and total:
        rest += f", and {unknown} cells of unknown time"
    yield f"{len(todo)} cells to run" + (f": {rest}" if todo else "")


def _heads(results: Path, cell: Cell) -> dict[Path, Head]:
    """Those of the method's records in its suite and dataset, whatever their changes."""
    folder = results / cell.suite / cell.dataset
    paths = [
        path
        for path in folder.glob(f"{cell.method.name}*/seed-*.json")
        if path.parent.name.partition("+")[0] == cell.method.name and not path.name.endswith(FAILED)
    ]
    return {path: head for path in paths if (head := read_head(path))}


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
