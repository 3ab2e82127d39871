"""What every method answers to every clip of a test set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.labels import N_QUADRANTS, QUADRANTS
from bench.report.table import BLANK, Column, Entry, Table
from bench.shown import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.report.rows import Board, Row
    from bench.site.music import Music

#: Probabilities are kept in thousandths.
PROBABILITY_UNITS = 1000


@dataclass(frozen=True, eq=False)
class MethodAnswers:
    """One method's answers to the clips of its board, nan and -1 where it was not asked."""

    method: str
    n_runs: int
    probabilities: NDArray[np.float64]  # shape (n_clips, 4), means over seeds
    answers: NDArray[np.int64]  # shape (n_clips,): the largest of them, 0..3
    runs_right: NDArray[np.int64]  # shape (n_clips,)


@dataclass(frozen=True, eq=False)
class ClipBoard:
    """A board seen clip by clip, hardest clip first."""

    clips: list[str]
    labels: NDArray[np.int64]  # shape (n_clips,), 0..3
    methods: list[MethodAnswers]

    @property
    def n_right(self) -> NDArray[np.int64]:
        """How many methods answer each clip rightly, shape (n_clips,)."""
        return self.votes[np.arange(len(self.clips)), self.labels]

    @property
    def votes(self) -> NDArray[np.int64]:
        """How many methods answer each quadrant, shape (n_clips, 4)."""
        answers = np.stack([method.answers for method in self.methods], axis=1)
        votes: NDArray[np.int64] = (answers[:, :, None] == np.arange(N_QUADRANTS)).sum(axis=1)
        return votes


def clip_board(board: Board) -> ClipBoard | None:
    """The answers of all methods of a board, its variants left out; None without methods."""
    if not board.rows:
        return None
    tables = [record.table for row in board.rows for record in row.records]
    labels = {clip: label for t in tables for clip, label in zip(t.clips, t.labels, strict=True)}
    clips = sorted(labels)
    n_right = _seen(board, clips, labels).n_right
    return _seen(board, [clips[i] for i in np.argsort(n_right, kind="stable")], labels)


def _seen(board: Board, clips: list[str], labels: Mapping[str, int]) -> ClipBoard:
    """A board's clips in this order."""
    return ClipBoard(
        clips,
        np.array([labels[clip] for clip in clips], dtype=np.int64),
        [_answers(row, clips) for row in board.rows],
    )


def _answers(row: Row, clips: Sequence[str]) -> MethodAnswers:
    place = {clip: i for i, clip in enumerate(clips)}
    records = row.records[:1] if row.deterministic else row.records
    total = np.zeros((len(clips), N_QUADRANTS))
    runs = np.zeros(len(clips), dtype=np.int64)
    right = np.zeros(len(clips), dtype=np.int64)
    for record in records:
        at = np.array([place[clip] for clip in record.table.clips])
        total[at] += record.table.probabilities
        runs[at] += 1
        right[at] += record.table.answers == record.table.labels
    means = np.full_like(total, np.nan)
    np.divide(total, runs[:, None], out=means, where=runs[:, None] > 0)
    answers = np.where(runs > 0, total.argmax(axis=1), -1)
    return MethodAnswers(row.method, len(records), means, answers, right)


def clip_table(board: ClipBoard, music: Music, title: str) -> Table:
    """One row per clip: what is known of it, and how the methods vote."""
    columns = (
        Column("Clip", numeric=False),
        Column("Song", numeric=False),
        Column("Key", numeric=False),
        Column("Notes"),
        Column("True", numeric=False),
        Column("Right", f"of {len(board.methods)}"),
        *(Column(f"→ {quadrant}", "methods") for quadrant in QUADRANTS),
    )
    rows = []
    for clip, label, votes in zip(
        board.clips, board.labels.tolist(), board.votes.tolist(), strict=True
    ):
        n_notes = music.n_notes.get(clip)
        rows.append(
            (
                Entry(one_line(clip), {"clip": clip}),
                _text("song", music.songs.get(clip, "")),
                _key(music.keys.get(clip, "")),
                Entry(BLANK if n_notes is None else f"{n_notes:,}", {"notes": n_notes}),
                Entry(QUADRANTS[label], {"quadrant": QUADRANTS[label]}),
                Entry(str(votes[label]), {"methods_right": votes[label]}),
                *(
                    Entry(str(n), {f"methods_{name}": n}, heat=n / len(board.methods))
                    for name, n in zip(QUADRANTS, votes, strict=True)
                ),
            )
        )
    return Table(f"{title}: clips", columns, tuple(rows), sorted_by="Right", descending=False)


def _key(name: str) -> Entry:
    """A key in print, and in music21's spelling: "B♭ major" for "B- major"."""
    return Entry(name.replace("-", "♭").replace("#", "♯") or BLANK, {"key": name or None})


def _text(name: str, text: str) -> Entry:
    return Entry(one_line(text) or BLANK, {name: text or None})


def answers_data(board: ClipBoard) -> dict[str, object]:
    """What the page's script needs beyond the table, as small as it gets.

    For each clip, `p` holds four thousandths per method, `a` the quadrant that each method answers,
    `right` how many of its runs are right.
    """
    thousandths = np.stack([method.probabilities for method in board.methods], axis=1)
    known = np.nan_to_num(np.rint(thousandths * PROBABILITY_UNITS), nan=-1).astype(np.int64)
    return {
        "methods": [method.method for method in board.methods],
        "runs": [method.n_runs for method in board.methods],
        "clips": board.clips,
        "labels": board.labels.tolist(),
        "p": known.reshape(len(board.clips), -1).tolist(),
        "a": np.stack([method.answers for method in board.methods], axis=1).tolist(),
        "right": np.stack([method.runs_right for method in board.methods], axis=1).tolist(),
    }
