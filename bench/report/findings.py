"""What records come to: all that the leaderboard, a README's table, figures and pages show."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.expected import Expected
from bench.report.inference import Inference
from bench.report.rows import arrange, suite_order

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from bench.records import CellIdentity, Record
    from bench.report.inference import Songs
    from bench.report.rows import Board, LeftOut
    from bench.store import Failure


@dataclass(frozen=True, eq=False)
class Findings:
    """Boards, in the order in which they are shown, and what is known about them."""

    records: Sequence[Record]
    boards: list[Board]
    left_out: list[LeftOut]
    failures: list[Failure]
    expected: Expected
    inference: Inference
    about: Mapping[str, str]  # suite -> its description

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        failures: Iterable[Failure] = (),
        *,
        expected: Iterable[CellIdentity] = (),
        current: Container[str] = (),
        songs: Songs | None = None,
        about: Mapping[str, str] | None = None,
    ) -> Findings:
        """Equal records give equal findings, in whatever order they come.

        Args:
            records: finished cells, of any suites and protocols.
            failures: cells that failed and have no record.
            expected: cells that the suites ask for, so that what is missing shows.
            current: the keys of those cells, for which other records of a row are left out.
            songs: dataset -> clip -> song; a clip without one counts as a song of its own.
            about: suite -> its description.
        """
        boards, left_out = arrange(records, current)
        return cls(
            records,
            boards,
            left_out,
            list(failures),
            Expected(expected),
            Inference(songs or {}),
            about or {},
        )

    @property
    def n_shown(self) -> int:
        """How many records stand on a board."""
        return len(self.records) - sum(len(group.records) for group in self.left_out)

    def by_suite(self) -> dict[str, list[Board]]:
        """Each suite's boards, in order; a suite that has only been asked for has none."""
        found: dict[str, list[Board]] = defaultdict(list)
        for board in self.boards:
            found[board.suite].append(board)
        return {
            name: found[name]
            for name in sorted(found.keys() | self.expected.suites, key=suite_order)
        }
