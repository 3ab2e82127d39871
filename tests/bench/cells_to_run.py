"""Cells of the strange methods on a tiny dataset."""

from __future__ import annotations

from typing import Any

from bench.cells import Cell
from bench.datasets import dataset_info
from bench.registry import MethodEntry


def strange_cell(attribute: str, seed: int = 0, **settings: Any) -> Cell:
    """A cell of `strange.<attribute>` on the synthetic dataset."""
    return Cell(
        suite="test",
        dataset="synthetic",
        dataset_digest=dataset_info("synthetic").digest,
        method=MethodEntry(attribute.lower(), "strange", attribute),
        seed=seed,
        settings=settings,
        changes=settings,
        time_limit_minutes=60.0,
    )
