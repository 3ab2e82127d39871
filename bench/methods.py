"""What a method is to the harness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from bench.clips import Clip

    FloatArray = NDArray[np.float64]


#: What a method may have beyond `Method`; each must be callable.
OPTIONAL_PARTS = ("predict_segments", "details", "resume_in", "check")


class Progress(Protocol):
    """Tells how far a long call has come; a method may call it as often as it likes."""

    def __call__(self, fraction: float, note: str = "") -> None:
        """`fraction` of the work is done (0..1); `note` is a few words, such as the last loss."""


def silent(fraction: float, note: str = "") -> None:
    """A `Progress` that nobody watches."""


#: The setting that holds a multi-task method's auxiliary tasks.
TASKS = "tasks"


class Method(Protocol):
    """A classifier of clips into the four quadrants.

    Its constructor takes the method's settings as keyword arguments with defaults and does no
    work: it is called before a run, too, to see whether they fit. It may also have
    `predict_segments` (`SegmentMethod`), `details` (`DetailedMethod`), `resume_in`
    (`ResumableMethod`) and `check` (`CheckedMethod`), and no attributes of these names else.

    A setting `tasks`, a list of names, holds a multi-task method's auxiliary tasks: a method
    "mt-x" with some is compared with "x" without, if both read the same encoding.
    """

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        """Learn from labelled clips. All randomness comes from `seed`."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        """Probabilities of Q1..Q4, shape (n_clips, 4), rows sum to 1. No look at labels."""


@runtime_checkable
class SegmentMethod(Protocol):
    """A method that cuts long clips and classifies the pieces."""

    def predict_segments(self, clips: Sequence[Clip]) -> list[FloatArray]:
        """For each clip the probabilities of its segments, shape (n_segments >= 1, 4).

        The harness takes their mean as the clip's and does not call `predict_proba`.
        """


@runtime_checkable
class DetailedMethod(Protocol):
    """A method with something to report about how it was fitted."""

    def details(self) -> dict[str, Any]:
        """JSON values for the record: anything, and under these names what the board reads.

        `note`: a text that stands below the table. `history`: one table of numbers an epoch, drawn
        as curves; `best_epoch`: the one whose weights were tested, from 1. `valid_accuracy` in the
        history, a fraction, is shown beside gains, `valid_macro_f1` drawn. `start`: what training
        began from, with at least its `sha256` and `exposure` (docs/records.md). `n_parameters`:
        an integer. `tasks`: a list of the auxiliary tasks that it learned, by which a method that
        has some by default is known where no setting `tasks` names them.
        """


@runtime_checkable
class CheckedMethod(Protocol):
    """A method whose settings name something outside them, such as a file."""

    def check(self) -> None:
        """Called before a run, perhaps several times and elsewhere than `fit`; reads little.

        Raises:
            UserError: what `fit` would stumble over.
        """


@runtime_checkable
class ResumableMethod(Protocol):
    """A method that goes on where a killed process has stopped."""

    def resume_in(self, scratch: Path) -> None:
        """Called before `fit`, which may keep its state in this folder and find one there.

        The folder belongs to one cell: the same settings, seed, data and version of the method. It
        need not exist. What lies in it may be damaged, and is then to be ignored.
        """
