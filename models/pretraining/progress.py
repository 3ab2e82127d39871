"""How far a long run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from bench.methods import Progress as Tell
    from models.pretraining.training import Progressed

_SECONDS_BETWEEN_LINES = 30.0


class Meter:
    """Shows steps, tokens per second, losses and the time left; a context manager."""

    def __init__(self, steps: int, begun_at: int) -> None:
        self._steps = steps
        self._begun_at = begun_at
        self._began = self._line_at = time.monotonic()
        self._console = Console(stderr=True)
        self._bars = Progress(
            TextColumn("step {task.completed:,.0f} of {task.total:,.0f}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._bar = self._bars.add_task("", total=steps, completed=begun_at, note="")

    def __enter__(self) -> Meter:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def tell(self, now: Progressed) -> None:
        """One more step is done."""
        moment = time.monotonic()
        pace = (moment - self._began) / max(now.step - self._begun_at, 1)
        left = (self._steps - now.step) * pace
        note = f"{now.tokens_per_second:,.0f} tokens/s, loss {now.loss:.4f}"
        if not math.isnan(now.valid_loss):
            note += f", validation {now.valid_loss:.4f}"
        note += f", {_clock(left)} left"
        self._bars.update(self._bar, completed=now.step, note=note)
        due = moment - self._line_at >= _SECONDS_BETWEEN_LINES or now.step == self._steps
        if not self._console.is_terminal and due:
            self._line_at = moment
            self._console.print(
                f"step {now.step:,} of {self._steps:,}: {note}", highlight=False, soft_wrap=True
            )


@contextmanager
def encoding_progress(n_corpora: int) -> Iterator[Tell]:
    """A line that says which file of which corpus is being encoded, while it is."""
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    ) as bars:
        task = bars.add_task(f"reading {n_corpora} corpora", total=None)

        def tell(fraction: float, note: str = "") -> None:
            del fraction
            bars.update(task, description=note)

        yield tell


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
