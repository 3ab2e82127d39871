"""Records sorted into the rows of a board, and those that may not stand on it named."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.methods import TASKS
from bench.records import PROTOCOL
from bench.report.history import validation_accuracy
from bench.report.published import published
from bench.starts import RANDOM_WEIGHTS, START, TRANSDUCTIVE
from bench.statistics import mean_std, runs_p

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from numpy.typing import NDArray

    from bench.records import CellIdentity, Record
    from bench.report.published import PaperAblation, PaperResult, Unit
    from bench.scoring import Scores

_PACE = ("lr", "warmup_steps", "epochs", "patience")  # settings of how a method learns
_TRANSDUCTIVE = f"{TRANSDUCTIVE}: the weights it began with may have seen valid or test clips"
#: The benchmark's own suites, by their place on a board; others stand between the last two.
SHIPPED = {"paper": 0, "lite": 1, "smoke": 3}


@dataclass(frozen=True, eq=False)
class Row:
    """One method, as the suite has it or changed, on one dataset: all its seeds."""

    records: tuple[Record, ...]  # by seed, at least one
    segments: bool = False  # scored over segments, not over clips

    @property
    def first(self) -> Record:
        """Any of the records, for what they have in common."""
        return self.records[0]

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.first.cell.suite

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.first.cell.dataset

    @property
    def method(self) -> str:
        """The method's name."""
        return self.first.cell.method

    @property
    def changes(self) -> dict[str, Any]:
        """What differs from the suite."""
        return self.first.cell.changes

    @property
    def seeds(self) -> list[int]:
        """The seeds that are there."""
        return [record.cell.seed for record in self.records]

    @property
    def exposure(self) -> str:
        """Whether what training began from may have seen valid or test clips; "" if not told."""
        told = {str(start.get("exposure") or "") for start in map(_start, self.records)}
        return TRANSDUCTIVE if TRANSDUCTIVE in told else max(told)

    @property
    def note(self) -> str:
        """What has to be said beside its name: that, and what the method wants said."""
        own = str(self.first.details.get("note") or "")
        seen = _TRANSDUCTIVE if self.exposure == TRANSDUCTIVE else ""
        return "; ".join(filter(None, (own, seen)))

    @property
    def tasks(self) -> frozenset[str]:
        """Auxiliary tasks that the method was trained with.

        Those of the settings; where these leave them to the method, those that it reports.
        """
        value = self.first.method.settings.get(TASKS, self.first.details.get(TASKS))
        if isinstance(value, str):
            return frozenset([value])
        return frozenset(map(str, value) if isinstance(value, list) else ())

    @cached_property
    def deterministic(self) -> bool:
        """Whether the seed changes nothing, by the method's word and by its records."""
        said = self.first.method.deterministic
        return said and all(r.table == self.first.table for r in self.records)

    @cached_property
    def by_segment(self) -> Row | None:
        """The same, scored over segments; None unless every seed has segment-level scores."""
        whole = all(record.segment_scores for record in self.records)
        return replace(self, segments=True) if whole else None

    @property
    def unit(self) -> Unit:
        """What is scored."""
        return "segments" if self.segments else "clips"

    def mean_std(self, field: str) -> tuple[float, float | None]:
        """Mean and standard deviation over seeds of one of the scores' fields."""
        values = [getattr(scores, field) for scores in self.scores]
        return mean_std(values[:1] if self.deterministic else values)

    @property
    def scores(self) -> list[Scores]:
        """Each seed's scores."""
        found = ((r.segment_scores if self.segments else r.scores) for r in self.records)
        return [scores for scores in found if scores]

    @property
    def paper(self) -> PaperResult | None:
        """What the paper printed for the method on the dataset.

        Suites of other packages may give it settings that the paper never meant.
        """
        if self.suite not in SHIPPED:
            return None
        return published().result(self.method, self.dataset)

    def scored_like(self, paper: PaperResult | PaperAblation) -> bool:
        """Whether every seed was scored over what the paper scored."""
        return all(paper.counted(self.unit, scores.n) for scores in self.scores)

    def runs_p(self, field: str, paper: PaperResult) -> float | None:
        """How often chance between runs alone gives so large a difference to the paper's value.

        Welch's p of the seeds against the paper's runs; None where one side has a single run, or
        other clips or segments were scored.
        """
        mean, std = paper.fraction(field)
        if self.deterministic or std is None or not self.scored_like(paper):
            return None
        values = [getattr(scores, field) for scores in self.scores]
        return runs_p(values, mean, std, published().paper.runs)

    def gain_over(self, other: Row) -> float | None:
        """How much the mean accuracy is above another row's, over the seeds that both have.

        A deterministic row has all; None where there is no common one.
        """
        if self.deterministic or other.deterministic:
            return self.mean_std("accuracy")[0] - other.mean_std("accuracy")[0]
        ours, theirs = (
            {record.cell.seed: record.scores.accuracy for record in row.records}
            for row in (self, other)
        )
        gains = [ours[seed] - theirs[seed] for seed in self.seeds if seed in theirs]
        return float(np.mean(gains)) if gains else None

    @cached_property
    def validation_accuracies(self) -> dict[int, float]:
        """By seed, where a record has one: see `validation_accuracy`."""
        found = {record.cell.seed: validation_accuracy(record) for record in self.records}
        return {seed: accuracy for seed, accuracy in found.items() if accuracy is not None}

    @cached_property
    def confusion(self) -> NDArray[np.float64]:
        """Mean confusion matrix, shape (4, 4), rows sum to 1 (nan for an absent quadrant)."""
        counts = np.asarray([r.scores.confusion for r in self.records], np.float64).mean(axis=0)
        return normalised(counts)

    def is_multi_task_of(self, single: Row) -> bool:
        """Whether this is `single` with auxiliary tasks added: `mt-x` of `x`, or `x` changed."""
        if not self.tasks or single.tasks:
            return False
        if set(self.changes) - {TASKS} or set(single.changes) - {TASKS}:
            return False
        named = self.method in (single.method, f"mt-{single.method}")
        return named and self.first.method.encoding == single.first.method.encoding

    def is_started_of(self, scratch: Row) -> bool:
        """Whether this is the suite's method, with a pre-trained start, and `scratch` it without.

        How long and how fast `scratch` learns may differ, for what suits learned weights may not
        suit random ones.
        """
        if self.method != scratch.method or self.changes or START not in scratch.changes:
            return False
        started, bare = (row.first.method.settings.get(START, "") for row in (self, scratch))
        other = scratch.changes.keys() - {START, *_PACE}
        return started not in RANDOM_WEIGHTS and bare in RANDOM_WEIGHTS and not other


@dataclass(frozen=True)
class Board:
    """One suite on one dataset."""

    suite: str
    dataset: str
    rows: tuple[Row, ...]  # of the suite's own methods, best mean accuracy first
    variants: tuple[Row, ...]  # with changes, likewise

    @property
    def first(self) -> Record:
        """Any of the records, for what they have in common."""
        return (*self.rows, *self.variants)[0].first


@dataclass(frozen=True)
class LeftOut:
    """Records that may not stand beside the others."""

    reason: str
    records: tuple[Record, ...]


def normalised(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """A confusion matrix whose rows sum to 1; nan where a row is empty."""
    total = counts.sum(axis=1, keepdims=True)
    shares = np.full_like(counts, np.nan)
    np.divide(counts, total, out=shares, where=total > 0)
    return shares


def suite_order(name: str) -> tuple[int, str]:
    """Sorts suites: the paper's first, the smoke test last."""
    return SHIPPED.get(name, 2), name


def cell_order(cell: CellIdentity) -> tuple[Any, ...]:
    """Sorts cells as the board shows them."""
    return (*suite_order(cell.suite), cell.dataset, cell.method, cell.changes_key, cell.seed)


def arrange(
    records: Iterable[Record], current: Container[str] = ()
) -> tuple[list[Board], list[LeftOut]]:
    """Boards from records in any order.

    What stands on one board was measured by one protocol on one version of the data, and the seeds
    of a row have the same settings. Of several, those of a current record count; where none is, or
    that does not decide, those of the method's highest version, then of the record finished last.

    Args:
        records: finished cells, of any suites and protocols.
        current: keys of the cells that the suites ask for now.
    """
    left_out: list[LeftOut] = []
    comparable = _split(
        records,
        lambda r: r.protocol == PROTOCOL,
        lambda r: f"measured by protocol {r.protocol}; the board shows protocol {PROTOCOL}",
        left_out,
    )
    places: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in comparable:
        places[record.cell.suite, record.cell.dataset].append(record)
    boards = [
        _board(suite, dataset, places[suite, dataset], current, left_out)
        for suite, dataset in sorted(places, key=lambda place: (suite_order(place[0]), place[1]))
    ]
    return boards, left_out


def _board(
    suite: str,
    dataset: str,
    records: list[Record],
    current: Container[str],
    left_out: list[LeftOut],
) -> Board:
    digest = max(records, key=lambda r: (r.key in current, *_age(r))).dataset.digest
    records = _split(
        records,
        lambda r: r.dataset.digest == digest,
        lambda _: f"measured on another manifest of {dataset}",
        left_out,
    )
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.cell.method, record.cell.changes_key].append(record)
    rows = [_row(groups[key], current, left_out) for key in sorted(groups)]
    rows.sort(key=lambda row: -row.mean_std("accuracy")[0])
    return Board(
        suite,
        dataset,
        tuple(row for row in rows if not row.changes),
        tuple(row for row in rows if row.changes),
    )


def _row(records: list[Record], current: Container[str], left_out: list[LeftOut]) -> Row:
    model = max(records, key=lambda r: (r.key in current, r.method.version, *_age(r)))
    same = _split(
        records,
        lambda r: r.method == model.method,
        lambda r: f"other settings or version of {r.cell.method} than the record that counts",
        left_out,
    )
    same = _split(
        same,
        # It may change under one name.
        lambda r: _start(r).get("sha256") == _start(model).get("sha256"),
        lambda r: f"another start of {r.cell.method} than the record that counts",
        left_out,
    )
    latest = {r.cell.seed: r for r in sorted(same, key=_age)}
    unique = _split(
        same,
        lambda r: r is latest[r.cell.seed],
        lambda _: "there is a later record of the same cell",
        left_out,
    )
    return Row(tuple(sorted(unique, key=lambda r: r.cell.seed)))


def _start(record: Record) -> dict[str, Any]:
    """What is told of what training began from."""
    start = record.details.get(START)
    return start if isinstance(start, dict) else {}


def _split(
    records: Iterable[Record],
    keep: Callable[[Record], bool],
    reason: Callable[[Record], str],
    left_out: list[LeftOut],
) -> list[Record]:
    kept, others = [], defaultdict(list)
    for record in records:
        if keep(record):
            kept.append(record)
        else:
            others[reason(record)].append(record)
    for why, group in sorted(others.items()):
        left_out.append(LeftOut(why, tuple(sorted(group, key=lambda r: cell_order(r.cell)))))
    return kept


def _age(record: Record) -> tuple[str, str]:
    return record.provenance.finished, record.key
