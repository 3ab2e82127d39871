"""What a plan holds and about how long the rest of it takes."""

from __future__ import annotations

from collections import defaultdict
from statistics import mean
from typing import TYPE_CHECKING

from bench.executors.choose import default_jobs
from bench.store import failure_files, read_head, record_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.cells import Cell


def estimate(cells: Sequence[Cell], results: Path, *, jobs: int | None) -> Iterator[str]:
    """Lines of text: one per group of cells, then the sum.

    The time of a cell is the mean over the finished cells of its method in its suite and dataset.
    """
    groups: dict[str, list[Cell]] = defaultdict(list)
    for cell in {cell.key: cell for cell in cells}.values():
        groups[str(cell.path.parent)].append(cell)
    width = max(map(len, groups), default=0)
    places = dict.fromkeys(f"{cell.suite}/{cell.dataset}" for cell, *_ in groups.values())
    known = {place: _Known(results, place) for place in places}
    total, unknown = 0.0, 0
    todo: list[Cell] = []
    for name, group in groups.items():
        there = known[f"{group[0].suite}/{group[0].dataset}"]
        lacking = [cell for cell in group if there.keys.get(results / cell.path) != cell.key]
        todo += lacking
        times = there.seconds[group[0].method.name]
        seconds = mean(times) if times else None
        line = f"{name:<{width}}  {len(group) - len(lacking):>3} of {len(group)} done"
        if n_failed := sum(cell.key in there.failed for cell in lacking):
            line += f", {n_failed} failed"
        if lacking and seconds is None:
            unknown += len(lacking)
            line += "  (no time known yet)"
        elif lacking and seconds is not None:
            total += seconds * len(lacking)
            line += f"  about {_duration(seconds)} per cell"
        yield line
    at_once = min(jobs or default_jobs(todo), len(todo) or 1)
    rest = f"about {_duration(total / at_once)} with {at_once} at a time"
    if unknown == len(todo):
        rest = "no estimate"
    elif unknown:
        rest += f", and {unknown} cells of unknown time"
    yield f"{len(todo)} cells to run" + (f": {rest}" if todo else "")


class _Known:
    """What the records and failures of one suite on one dataset say of keys and times."""

    def __init__(self, results: Path, place: str) -> None:
        self.keys: dict[Path, str] = {}
        #: Of a method's cells, whatever their changes.
        self.seconds: dict[str, list[float]] = defaultdict(list)
        for path in record_files(results, place):
            if head := read_head(path):
                self.keys[path] = head.key
                if head.provenance:
                    method, _, _ = path.parent.name.partition("+")
                    self.seconds[method].append(head.provenance.wall_seconds)
        heads = map(read_head, failure_files(results, place))
        self.failed = {head.key for head in heads if head}


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
