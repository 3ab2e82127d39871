"""Cells: what one run of one method is, and which of them a command asks for."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec

from bench.datasets import dataset_info, dataset_names
from bench.errors import UserError
from bench.methods import TASKS
from bench.names import hint, pick
from bench.records import PROTOCOL, CellIdentity
from bench.registry import find_method, methods
from bench.starts import RANDOM_WEIGHTS, START, by_content
from bench.suites import suite_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import PurePosixPath

    from bench.registry import MethodEntry
    from bench.suites import Suite

#: That one command may ask for.
_MOST_SEEDS = 10_000


@dataclass(frozen=True, eq=False)
class Cell:
    """One method, with its settings, on one dataset with one seed."""

    suite: str
    dataset: str
    dataset_digest: str
    method: MethodEntry
    seed: int
    settings: Mapping[str, Any]  # complete as far as the suite and the changes say them
    changes: Mapping[str, Any] = field(default_factory=dict)  # against the suite; for people
    threads: int = 1
    time_limit_minutes: float = 720.0

    @cached_property
    def key(self) -> str:
        """Digest of what changes the outcome: not the order of flags, nor the machine.

        A checkpoint to start from counts by its content, not by its path.

        Raises:
            UserError: there is no such checkpoint.
        """
        return outcome_key(
            protocol=PROTOCOL,
            dataset=(self.dataset, self.dataset_digest),
            method=(self.method.name, self.method.version, self.method.encoding),
            settings=by_content(self.method, self.settings),
            threads=self.threads,
            seed=self.seed,
        )

    @property
    def identity(self) -> CellIdentity:
        """The cell as a record names it."""
        return CellIdentity(
            self.suite, self.dataset, self.method.name, self.seed, dict(self.changes)
        )

    @cached_property
    def path(self) -> PurePosixPath:
        """Where its record lies below the results folder."""
        return self.identity.path

    def __str__(self) -> str:
        return str(self.path.with_suffix(""))


def outcome_key(
    *,
    protocol: int,
    dataset: tuple[str, str],
    method: tuple[str, int, str],
    settings: Mapping[str, Any],
    threads: int,
    seed: int,
) -> str:
    """Digest of what changes an outcome.

    Args:
        protocol: version of the rules of measurement.
        dataset: name and the manifest's digest.
        method: name, version and encoding.
        settings: complete, a start named by its content (`bench.starts.by_content`).
        threads: of the cell, 0 for all cores.
        seed: of the cell.
    """
    content = {
        "protocol": protocol,
        "dataset": dataset,
        "method": method,
        "settings": settings,
        "threads": threads,
        "seed": seed,
    }
    return hashlib.sha256(canonical(content)).hexdigest()[:24]


def plan(
    suite: Suite,
    *,
    method: str = "*",
    dataset: str = "*",
    seeds: Sequence[int] | None = None,
    changes: Mapping[str, Any] | None = None,
    from_scratch: bool = False,
) -> list[Cell]:
    """The cells that a command asks for, seeds outermost: every method's first seed comes early.

    Args:
        suite: where methods, datasets and sizes come from.
        method: glob over the suite's methods.
        dataset: glob over the suite's datasets.
        seeds: all of the suite's by default. A deterministic method runs with seed 0 alone,
            whichever are asked for.
        changes: settings that differ from the suite's.
        from_scratch: only the methods that can start from a checkpoint, without one.

    Raises:
        UserError: a glob matches nothing or a name is unknown; the message names the nearest.
    """
    names = _matching(method, suite, "method")
    datasets = _matching(dataset, suite, "dataset")
    try:
        entries = {name: find_method(name) for name in names}
        digests = {name: dataset_info(name).digest for name in datasets}
    except UserError as error:
        raise UserError(f"suite {suite.name}: {error}") from None
    if from_scratch:
        names = [name for name in names if entries[name].start]
        if not names:
            raise UserError(f"--from-scratch: no method {method!r} starts from a checkpoint")
        changes = {**(changes or {}), START: RANDOM_WEIGHTS[-1]}
    seedless = [
        _cell(suite, data, digests[data], name, changes or {})
        for data, name in product(datasets, names)
    ]
    cells: list[Cell] = []
    for i, seed in enumerate(range(suite.seeds) if seeds is None else seeds):
        for cell in seedless:
            if not cell.method.deterministic:
                cells.append(replace(cell, seed=seed))
            elif i == 0:
                cells.append(cell)
    return cells


def _cell(suite: Suite, dataset: str, digest: str, method: str, changes: Mapping[str, Any]) -> Cell:
    """The cell with seed 0."""
    own = suite.settings(method, dataset)
    changes = {key: value for key, value in changes.items() if not _repeats(key, value, own)}
    settings = own | changes
    for key, value in settings.items():
        if not _is_finite(value):
            raise UserError(f"setting {key}={value} of {method}: must be a finite number")
    if settings.get(START) in RANDOM_WEIGHTS:
        del settings[START]
    same = _method_with(suite, dataset, method, settings)
    entry = find_method(same or method)
    return Cell(
        suite=suite.name,
        dataset=dataset,
        dataset_digest=digest,
        method=entry,
        seed=0,
        settings=suite.settings(same, dataset) if same else settings,
        changes={} if same else changes,
        threads=suite.threads,
        time_limit_minutes=suite.time_limit_minutes,
    )


def _is_finite(value: Any) -> bool:
    """Whether a key can hold it: JSON has neither nan nor inf."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _repeats(key: str, value: Any, own: Mapping[str, Any]) -> bool:
    """Whether a change says what the suite says anyway."""
    if key == START and value in RANDOM_WEIGHTS:
        return own.get(key, value) in RANDOM_WEIGHTS
    if key not in own or isinstance(value, bool) != isinstance(own[key], bool):
        return False  # else true would be 1
    return bool(own[key] == value)


def _method_with(
    suite: Suite, dataset: str, method: str, settings: Mapping[str, Any]
) -> str | None:
    """The method of the suite that has just these settings, if any: this one, or its counterpart.

    "x" and "mt-x" of one encoding differ in their auxiliary tasks alone. So `midibert` with the
    tasks of `mt-midibert` *is* `mt-midibert`, and that without tasks is `midibert`. Those of
    others are not compared: what neither sets may differ.
    """
    if canonical(suite.settings(method, dataset)) == canonical(settings):
        return method
    single = method.removeprefix("mt-")
    other = f"mt-{single}" if method == single else single
    if other not in suite.methods or TASKS not in settings:  # else they are those of the class
        return None
    if bool(settings[TASKS]) == (other == single):
        return None
    if find_method(other).encoding != find_method(method).encoding:
        return None
    if other == single:
        settings = {key: value for key, value in settings.items() if key != TASKS}
    return other if canonical(suite.settings(other, dataset)) == canonical(settings) else None


def canonical(content: Any) -> bytes:
    """JSON that is equal for equal content alone, where Python has true equal to 1."""
    return msgspec.json.encode(content, order="deterministic")


def _matching(glob: str, suite: Suite, kind: str) -> list[str]:
    """The suite's methods, or datasets, of a glob."""
    known = list(suite.methods if kind == "method" else suite.datasets)
    found = [name for name in known if fnmatchcase(name, glob)]
    if not found:
        if glob in (methods() if kind == "method" else dataset_names()):
            if suite.name in suite_names():  # whose file is the package's
                do = f"{hint(glob, known)} (or write a suite of your own: docs/suites.md)"
            else:
                table = f"[methods.{glob}]" if kind == "method" else "it to `datasets`"
                do = f"add {table} in its file"
            raise UserError(f"{kind} {glob!r} is not in suite {suite.name}: {do}")
        pick(glob, known, kind, see=f"bench ls {kind}s")
    return found


def parse_seeds(text: str) -> list[int]:
    """Seeds from "0-9", "3" or "0,2,5-7", in order, each once.

    Raises:
        UserError: anything else, or too many.
    """
    seeds: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        if not match or (match[2] and int(match[2]) < int(match[1])):
            raise UserError(
                f"--seeds {text!r}: write seeds like 0-9, 3 or 0,2,5-7, the largest 999999"
            )
        seeds |= dict.fromkeys(range(int(match[1]), int(match[2] or match[1]) + 1))
        if len(seeds) > _MOST_SEEDS:
            raise UserError(f"--seeds {text!r}: over {_MOST_SEEDS:,} seeds, the limit")
    return list(seeds)


def parse_changes(
    texts: Iterable[str], option: str = "--changes", example: str = "epochs=10"
) -> dict[str, Any]:
    """Settings from "key=value" texts; a value is TOML where it can be read as TOML, else a string.

    Raises:
        UserError: a text without "=", or one key twice.
    """
    changes: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        key = key.strip().replace("-", "_")  # as options are written
        if not equals or not key.isidentifier():
            raise UserError(f"{option} {text!r}: write key=value, as in {example}")
        if key in changes:
            raise UserError(f"{option}: {key} is given twice")
        try:
            changes[key] = msgspec.toml.decode(f"value = {value}")["value"]
        except msgspec.DecodeError:
            changes[key] = value
    return changes
