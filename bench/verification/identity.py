"""What a record says of the cell it is, and the key that follows.

No file is opened that a record names: a submitted path could be that of any. What a start held is
taken from the record's word for it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from bench.cells import outcome_key
from bench.registry import methods
from bench.starts import START, shipped_starts
from bench.suites import MAX_THREADS, load_suite, suite_names

if TYPE_CHECKING:
    from pathlib import Path

    from bench.records import Record
    from bench.suites import Suite


@lru_cache(maxsize=64)
def shipped_suite(name: str) -> Suite | None:
    """The suite of that name, if it comes with the package."""
    return load_suite(name) if name in suite_names() else None


def threads_of(record: Record) -> int | None:
    """The number of threads under which the cell has the record's key, 0 for all; None if none.

    A record does not state it, so all that a suite may say are tried.
    """
    suite = shipped_suite(record.cell.suite)
    likely: list[int] = [suite.threads] if suite else []
    settings = _settings_by_content(record)
    for threads in chain(likely, range(MAX_THREADS + 1)):
        key = outcome_key(
            protocol=record.protocol,
            dataset=(record.cell.dataset, record.dataset.digest),
            method=(record.cell.method, record.method.version, record.method.encoding),
            settings=settings,
            threads=threads,
            seed=record.cell.seed,
        )
        if key == record.key:
            return threads
    return None


def has_start(record: Record) -> bool:
    """Whether the method started from a checkpoint, as far as can be known."""
    if START not in record.method.settings:
        return False
    entry = methods().get(record.method.name)
    return bool(entry.start) if entry else bool(told_start(record))


def told_start(record: Record) -> dict[str, Any]:
    """What the record says of the checkpoint it started from."""
    told = record.details.get(START)
    return told if isinstance(told, dict) else {}


def shipped_start(record: Record) -> Path | None:
    """The file it started from, if that comes with the method's package."""
    entry = methods().get(record.method.name)
    if not entry or not entry.start:
        return None
    return shipped_starts(entry.start).get(str(record.method.settings.get(START)))


def exposure_on_card(start: Path) -> object:
    """The exposure that a checkpoint's card states, where it is one of ours; None elsewhere."""
    try:
        with safe_open(start, framework="numpy") as file:
            return json.loads(file.metadata()["card"])["exposure"]
    except (SafetensorError, OSError, LookupError, TypeError, ValueError):
        return None  # a package may keep its weights, and what it says of them, in any form


def _settings_by_content(record: Record) -> dict[str, Any]:
    """The settings as a key holds them; see `bench.starts.by_content`."""
    settings = dict(record.method.settings)
    if has_start(record):
        settings[START] = f"sha256:{told_start(record).get('sha256')}"
    return settings
