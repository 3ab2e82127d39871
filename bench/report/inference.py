"""What the records of a board allow to say: intervals, ranks, and which of a pair is better."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from bench.intervals import Runs, accuracy_intervals, macro_f1_interval
from bench.report.ranking import ranks, tie_groups
from bench.report.rows import Row
from bench.statistics import common_seeds, compare, tested, told_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from bench.intervals import Interval
    from bench.records import Table
    from bench.report.rows import Board
    from bench.statistics import Comparison, Tested

    IntArray = NDArray[np.int64]

#: Clip -> song, by dataset.
Songs = Mapping[str, Mapping[str, str]]

NO_SONGS = """\
The songs of this dataset are not known here, so each clip counts as a song of its own: if some are
cut from one song, intervals are wider and differences less sure than they look."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What a row answered on its test set, by clip or by segment."""

    items: tuple[tuple[str, ...], bytes, bytes]  # clips, their quadrants, n_segments
    labels: IntArray  # shape (n,)
    answers: IntArray  # predicted quadrants, shape (n_seeds, n)
    songs: IntArray  # shape (n,)
    runs: Runs


def answers_of(row: Row, songs: IntArray) -> Answers | None:
    """A row's answers; None if its seeds were not tested on the same items.

    Args:
        row: one method with its seeds.
        songs: of the clips of its first record, shape (n_clips,).
    """
    records = row.records[:1] if row.deterministic else row.records
    first = records[0].table
    items = _items(first, segments=row.segments)
    if any(_items(record.table, segments=row.segments) != items for record in records[1:]):
        return None
    if row.segments:
        labels = first.segment_labels
        songs = np.repeat(songs, first.n_segments)
        answers = np.stack([record.table.segment_answers for record in records])
    else:
        labels = first.labels
        answers = np.stack([record.table.answers for record in records])
    return Answers(
        items=items,
        labels=labels,
        answers=answers,
        songs=songs,
        runs=Runs(answers == labels, tuple(r.cell.seed for r in records), row.deterministic),
    )


def numbered_songs(clips: Sequence[str], songs: Mapping[str, str]) -> IntArray:
    """The song of each clip as a number, shape (n_clips,).

    Args:
        clips: names.
        songs: their songs; a clip that is not in it counts as a song of its own.
    """
    numbers: dict[str | tuple[str], int] = {}
    # A clip without a song is wrapped: its name may be that of a song.
    named = [songs.get(clip, (clip,)) for clip in clips]
    return np.array([numbers.setdefault(song, len(numbers)) for song in named])


def _items(table: Table, *, segments: bool) -> tuple[tuple[str, ...], bytes, bytes]:
    return table.clips, table.labels.tobytes(), table.n_segments.tobytes() if segments else b""


@dataclass(frozen=True)
class Standing:
    """Where a method stands among those of its board."""

    rank: int
    ties: str  # methods that share a letter cannot be told apart


@dataclass(frozen=True)
class Pair:
    """Two rows that differ in one thing, compared: a method with it against the same without."""

    with_it: Row
    without: Row
    tested: Tested  # together with all pairs of its table

    @property
    def validation(self) -> float | None:
        """Difference of the accuracies on the validation clips; None where a record has none."""
        ours, theirs = self.with_it.validation_accuracies, self.without.validation_accuracies
        gains = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
        return fmean(gains) if len(gains) == self.tested.result.n_seeds else None


class Inference:
    """Answers of rows, worked out once, and what follows from them."""

    def __init__(self, songs: Songs) -> None:
        self._songs = songs
        self._answers: dict[Row, Answers | None] = {}
        self._intervals: dict[Row, Interval | None] = {}
        self._numbered: dict[tuple[str, tuple[str, ...]], IntArray] = {}

    def knows_songs(self, board: Board) -> bool:
        """Whether clips of one song are known to be."""
        return board.dataset in self._songs

    def answers(self, row: Row) -> Answers | None:
        """See `answers_of`."""
        if row not in self._answers:
            self._answers[row] = answers_of(row, self._songs_of(row))
        return self._answers[row]

    def _songs_of(self, row: Row) -> IntArray:
        """The songs of a row's test clips, as numbers."""
        clips = row.records[0].table.clips
        key = row.dataset, clips
        if key not in self._numbered:
            self._numbered[key] = numbered_songs(clips, self._songs.get(row.dataset, {}))
        return self._numbered[key]

    def interval(self, row: Row) -> Interval | None:
        """95 % interval of a row's accuracy; None if its seeds were tested on different items."""
        return self.intervals([row])[0]

    def intervals(self, rows: Sequence[Row]) -> list[Interval | None]:
        """`interval` of each row; for those of one board much faster together than one by one."""
        by_songs: dict[bytes, dict[Row, Answers]] = defaultdict(dict)
        for row in rows:
            if row not in self._intervals:
                self._intervals[row] = None
                if found := self.answers(row):
                    by_songs[found.songs.tobytes()][row] = found
        for group in by_songs.values():
            songs = next(iter(group.values())).songs
            intervals = accuracy_intervals([found.runs for found in group.values()], songs)
            for row, interval in zip(group, intervals, strict=True):
                self._intervals[row] = interval
        return [self._intervals[row] for row in rows]

    def macro_f1_interval(self, row: Row) -> Interval | None:
        """As `interval`, of macro-F1."""
        found = self.answers(row)
        return macro_f1_interval(found.labels, found.answers, found.songs) if found else None

    def standings(self, board: Board) -> dict[str, Standing]:
        """Standings by method; a method of which one seed allows no test has none."""
        several = [row for row in board.rows if row.deterministic or len(row.records) > 1]
        known = [(row, found) for row in several if (found := self.answers(row))]
        if not known:
            return {}
        # Rows that were tested on other items than most have no standing.
        all_items = [found.items for _, found in known]
        items = max(all_items, key=all_items.count)
        known = [(row, found) for row, found in known if found.items == items]
        apart = told_apart([found.runs for _, found in known], known[0][1].songs)
        places = zip(known, ranks(apart), tie_groups(apart), strict=True)
        return {row.method: Standing(rank, ties) for (row, _), rank, ties in places}

    def multi_task_pairs(self, boards: Iterable[Board]) -> list[Pair]:
        """Every method with added tasks against the same without, over one suite."""
        return self._pairs(boards, Row.is_multi_task_of)

    def start_pairs(self, boards: Iterable[Board]) -> list[Pair]:
        """Every method with a pre-trained start against the same from scratch, over one suite."""
        return self._pairs(boards, Row.is_started_of)

    def _pairs(self, boards: Iterable[Board], related: Callable[[Row, Row], bool]) -> list[Pair]:
        found = [
            (with_it, without, result)
            for board in boards
            for without, with_it in product((*board.rows, *board.variants), repeat=2)
            if related(with_it, without)
            and (result := compared(self.answers(with_it), self.answers(without)))
        ]
        results = tested([result for *_, result in found])
        return [
            Pair(one, other, result) for (one, other, _), result in zip(found, results, strict=True)
        ]


def compared(ours: Answers | None, theirs: Answers | None) -> Comparison | None:
    """None unless there is a seed that both were run with, on the same clips."""
    if ours is None or theirs is None or ours.items != theirs.items:
        return None
    if not common_seeds(ours.runs, theirs.runs):
        return None
    return compare(ours.runs, theirs.runs, ours.songs)
