"""Records to test with, and an end to every test."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest

from bench import intervals
from bench.records import (
    PROTOCOL,
    CellIdentity,
    DatasetUsed,
    MethodUsed,
    Prediction,
    Provenance,
    Record,
    Table,
    rounded,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """What would wait for ever fails after twenty minutes, at the line where it waits."""

    def fail(*_: object) -> None:
        pytest.fail("does not end")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(20 * 60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """For simulations, which average over many data sets anyway."""
    intervals._drawn_counts.cache_clear()
    monkeypatch.setattr(intervals, "_RESAMPLES", 400)
    yield
    intervals._drawn_counts.cache_clear()


class MakeRecord(Protocol):
    """Builds a record; `labels` and `predicted` are quadrants 0..3."""

    def __call__(
        self,
        method: str = "alpha",
        *,
        suite: str = "lite",
        dataset: str = "emopia",
        seed: int = 0,
        labels: Sequence[int] = (0, 1, 2, 3),
        predicted: Sequence[int] = (0, 1, 2, 3),
        segments: Sequence[Sequence[int]] | None = None,
        changes: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        details: dict[str, Any] | None = None,
        deterministic: bool = False,
        encoding: str = "",
        protocol: int = PROTOCOL,
        digest: str = "d1",
        finished: str = "2026-01-01T00:00:00+00:00",
    ) -> Record: ...


def _surely(quadrant: int) -> list[float]:
    return rounded(np.eye(4)[quadrant] * 0.6 + 0.1)


@pytest.fixture(scope="session")
def make_record() -> MakeRecord:
    """A maker of records whose scores follow from their predictions."""

    def make(
        method: str = "alpha",
        *,
        suite: str = "lite",
        dataset: str = "emopia",
        seed: int = 0,
        labels: Sequence[int] = (0, 1, 2, 3),
        predicted: Sequence[int] = (0, 1, 2, 3),
        segments: Sequence[Sequence[int]] | None = None,
        changes: dict[str, Any] | None = None,
        settings: dict[str, Any] | None = None,
        details: dict[str, Any] | None = None,
        deterministic: bool = False,
        encoding: str = "",
        protocol: int = PROTOCOL,
        digest: str = "d1",
        finished: str = "2026-01-01T00:00:00+00:00",
    ) -> Record:
        predictions = [
            Prediction(
                f"clip-{i}",
                label,
                _surely(quadrant),
                None if segments is None else [_surely(piece) for piece in segments[i]],
            )
            for i, (label, quadrant) in enumerate(zip(labels, predicted, strict=True))
        ]
        scores, segment_scores = Table.of(predictions).scores()
        changed = changes or {}
        return Record(
            key=f"{suite}-{dataset}-{method}-{changed}-{seed}",
            protocol=protocol,
            cell=CellIdentity(suite, dataset, method, seed, changed),
            dataset=DatasetUsed(dataset, "1.0", digest, 100, 10, len(labels)),
            method=MethodUsed(method, 1, encoding, deterministic, (settings or {}) | changed),
            scores=scores,
            segment_scores=segment_scores,
            details=details or {},
            provenance=Provenance(
                package="0.1.0",
                revision="abc",
                dirty=False,
                finished=finished,
                python="3.11",
                platform="Linux",
                device="a CPU",
                libraries={"numpy": "2.0"},
                wall_seconds=12.5,
                cpu_seconds=25.0,
                peak_memory_mb=100.0,
            ),
            predictions=predictions,
        )

    return make
