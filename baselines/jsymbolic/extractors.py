"""jSymbolic's features computed here, as an extractor of `bench features`."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from baselines.jsymbolic.columns import JSymbolicColumns
from baselines.jsymbolic.native import catalogue
from bench.clips import Clip
from bench.derived import derive
from bench.doctor import Finding
from bench.extractors import Failure
from bench.machine import usable_cores
from bench.midi import MidiError, read_bytes
from bench.processes import process_pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.extractors import Options

    FloatArray = NDArray[np.float64]
    Outcome = FloatArray | Failure

#: Clips that one process takes, and the cache keeps, at a time.
_BATCH = 64


class Native(JSymbolicColumns):
    """The 1,495 columns in NumPy; see `baselines.jsymbolic.native`."""

    def extract(self, files: Sequence[Path], options: Options) -> list[Outcome]:
        """Rows of shape (1495,), computed in several processes and cached by content."""
        batches = [files[i : i + _BATCH] for i in range(0, len(files), _BATCH)]
        work = partial(_extract_batch, cached=options.cached)
        workers = min(options.jobs or usable_cores(), len(batches))
        if workers <= 1:
            return [row for batch in batches for row in work(batch)]
        with process_pool(workers) as pool:
            return [row for rows in pool.map(work, batches) for row in rows]

    def check(self) -> list[Finding]:
        """Always there."""
        values = catalogue.JSYMBOLIC
        text = f"{len(self.columns):,} values of jSymbolic 2.2, {values.name}-v{values.version}"
        return [Finding("native", "present", text)]


NATIVE = Native()


def _extract_batch(files: Sequence[Path], *, cached: bool) -> list[Outcome]:
    clips = [_clip(file) for file in files]
    good = [clip for clip in clips if isinstance(clip, Clip)]
    try:
        rows = [row[0] for row in derive(good, catalogue.JSYMBOLIC)] if cached else []
    except MidiError:  # one of them has no answer: find out which
        rows = []
    remaining: Iterator[Outcome] = iter(rows or map(_extract_one, good))
    return [next(remaining) if isinstance(clip, Clip) else clip for clip in clips]


def _clip(file: Path) -> Clip | Failure:
    try:
        data = read_bytes(file)
    except MidiError as error:
        return Failure(str(error).removeprefix(f"{file}: "))
    return Clip(file.stem, file.stem, file, hashlib.sha256(data).hexdigest())


def _extract_one(clip: Clip) -> Outcome:
    try:
        return catalogue.extract(clip.midi)
    except MidiError as error:
        return Failure(str(error).removeprefix(f"{clip.path}: "))
