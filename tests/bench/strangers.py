"""Methods of a package elsewhere, which `bench run` finds through its entry point.

Each line of the file that STRANGERS_JOURNAL names is a word about what they have done.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.files import write_atomically
from bench.registry import register_method

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress


def tell(*words: object) -> None:
    """Add a line to the journal, in one write: several processes do."""
    line = " ".join(map(str, words)) + "\n"
    descriptor = os.open(os.environ["STRANGERS_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
    os.close(descriptor)


@register_method("brief")
class Brief:
    """Answers at random after some time."""

    def __init__(self, *, seconds: float = 0.1) -> None:
        self.seconds = seconds

    def fit(self, *_: Sequence[Clip], seed: int, progress: Progress) -> None:
        progress(0.5)
        tell("brief", seed)
        time.sleep(self.seconds)
        self._random = np.random.default_rng(seed)

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return self._random.dirichlet(np.ones(4), len(clips))


@register_method("deaf")
class Deaf(Brief):
    """Heeds nothing but what the system itself does: it keeps the interpreter's lock."""

    def fit(self, *_: Sequence[Clip], seed: int, progress: Progress) -> None:
        progress(0.5)
        tell("deaf", seed)
        sum(range(10**12))


@register_method("lengthy")
class Lengthy(Brief):
    """Works epoch by epoch, each of which needs the one before, and can go on after a kill."""

    def __init__(self, *, seconds: float = 0.1, epochs: int = 5) -> None:
        super().__init__(seconds=seconds)
        self.epochs = epochs

    def resume_in(self, scratch: Path) -> None:
        self._file = scratch / "state.json"

    def fit(self, *_: Sequence[Clip], seed: int, progress: Progress) -> None:
        epoch, value = 0, seed
        if self._file.exists():
            epoch, value = json.loads(self._file.read_bytes())
        while epoch < self.epochs:
            tell("lengthy", seed, epoch)
            time.sleep(self.seconds)
            epoch, value = epoch + 1, (value * 1103515245 + 12345) % 2**31
            write_atomically(self._file, json.dumps([epoch, value]).encode())
            progress(epoch / self.epochs)
        self._random = np.random.default_rng(value)

    def details(self) -> dict[str, Any]:
        return {"epochs_run": self.epochs}
