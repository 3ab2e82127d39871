"""jSymbolic's features computed here, as an extractor of `bench features`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from baselines.jsymbolic.columns import JSymbolicColumns
from baselines.jsymbolic.native import catalogue
from bench.clips import Clip
from bench.derived import derive
from bench.doctor import Finding
from bench.extractors import Failure
from bench.machine import usable_cores
from bench.midi import MidiError
from bench.processes import process_pool

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.extractors import Options

    FloatArray = NDArray[np.float64]
    Outcome = FloatArray | Failure

#: Files that one process takes at a time.
_BATCH = 64


class Native(JSymbolicColumns):
    """The 1,495 columns in NumPy; see `baselines.jsymbolic.native`."""

    def extract(self, files: Sequence[Path], options: Options) -> list[Outcome]:
        """Rows of shape (1495,), computed in several processes and cached by content."""
        work = partial(_extract, cached=options.cached)
        workers = min(options.jobs or usable_cores(), -(-len(files) // _BATCH))
        if workers <= 1:
            return list(map(work, files))
        with process_pool(workers) as pool:
            return list(pool.map(work, files, chunksize=_BATCH))

    def check(self) -> list[Finding]:
        """Always there."""
        values = catalogue.JSYMBOLIC
        text = f"{len(self.columns):,} values of jSymbolic 2.2, {values.name}-v{values.version}"
        return [Finding("native", "present", text)]


NATIVE = Native()


def _extract(file: Path, *, cached: bool) -> Outcome:
    try:
        clip = Clip.from_file(file)
        if cached:
            (row,) = derive([clip], catalogue.JSYMBOLIC)
            values: FloatArray = row[0]
            return values
        return catalogue.extract(clip.midi)
    except MidiError as error:
        return Failure(str(error).removeprefix(f"{file}: "))
