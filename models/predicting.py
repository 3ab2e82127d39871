"""What a fine-tuned network says of MIDI files that nobody has labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.clips import Clip
from bench.errors import UserError
from bench.keys import find_keys
from bench.labels import HIGH_AROUSAL, HIGH_VALENCE, QUADRANTS
from bench.methods import SegmentMethod
from bench.midi import MidiError
from bench.records import DECIMALS, rounded
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from bench.methods import Method
    from models.checkpoints.finetuned import FineTuned

#: Files that are held in memory at once.
_AT_ONCE = 128

#: Of a table of guesses.
COLUMNS = ("file", "quadrant", *QUADRANTS, "valence", "arousal", "key", "segments")


@dataclass(frozen=True, slots=True)
class Guess:
    """The emotion of one piece, as a network sees it."""

    file: str  # its path, as it may be shown
    p: tuple[float, ...]  # of Q1..Q4, four decimals, as in a record
    key: str | None  # such as "B- major"; None if no pitched note ends
    segments: int  # how many it was cut into; `p` is their mean

    @property
    def quadrant(self) -> int:
        """The likeliest, 0..3."""
        return int(np.argmax(self.p))

    @property
    def valence(self) -> float:
        """Probability that it is positive."""
        return float(np.array(self.p)[HIGH_VALENCE].sum())

    @property
    def arousal(self) -> float:
        """Probability that it is high."""
        return float(np.array(self.p)[HIGH_AROUSAL].sum())

    def row(self) -> dict[str, str | float | None]:
        """By `COLUMNS`, JSON values."""
        halves = (round(half, DECIMALS) for half in (self.valence, self.arousal))
        values = (self.file, QUADRANTS[self.quadrant], *self.p, *halves, self.key, self.segments)
        return dict(zip(COLUMNS, values, strict=True))


def guess_files(
    method: Method, files: Iterable[Path], refuse: Callable[[UserError], None]
) -> Iterator[Guess]:
    """Guess the emotion of MIDI files, in order.

    Args:
        method: fitted. It cuts, or cuts off, what is longer than it reads, as on the board. One
            from a file (`NeuralMethod.take`) minds the resolution of what it learned from.
        files: any number of them.
        refuse: told why a file has no guess; the message names it. The others go on.
    """
    clips: list[Clip] = []
    for file in files:
        try:
            clips.append(_clip(file))
        except UserError as error:
            refuse(error)
        if len(clips) == _AT_ONCE:
            yield from _guess(method, clips)
            clips = []
    yield from _guess(method, clips)


def _clip(file: Path) -> Clip:
    """A file as an unlabelled clip.

    Raises:
        UserError: it cannot be read, or holds nothing to judge.
    """
    clip = Clip.from_file(file, id=str(file))
    if not len(clip.midi.notes):
        raise MidiError(f"{file}: holds no note")
    return clip


def _guess(method: Method, clips: list[Clip]) -> Iterator[Guess]:
    if isinstance(method, SegmentMethod):
        tables = method.predict_segments(clips)
    else:
        tables = [row[None] for row in method.predict_proba(clips)]
    for clip, table, key in zip(clips, tables, find_keys(clips), strict=True):
        p = tuple(rounded(table.mean(axis=0)))
        yield Guess(shown(clip.path), p, key.name if key else None, len(table))


def reliability(tuned: FineTuned) -> str:
    """Which network this is and how far to trust it, in a line."""
    scores, data = tuned.card.scores, tuned.card.dataset
    commonest = max(map(sum, scores.confusion)) / scores.n
    return shown(
        f"{tuned.name}, fine-tuned on {data.name} {data.version} (seed {tuned.card.seed}): "
        f"right on {100 * scores.accuracy:.1f} % of its {scores.n:,} test clips, macro-F1 "
        f"{scores.macro_f1:.3f}; the commonest quadrant of these is {100 * commonest:.1f} % of them"
    )
