"""Suites: which methods run on which datasets, with which sizes. Data in TOML, not code."""

from __future__ import annotations

import codecs
import math
import re
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import UserError
from bench.names import check_name, pick

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Keys of a method's table that are about the table, not settings of the method.
_EXTENDS, _ON = "extends", "on"
#: The most threads that a cell may have: `bench verify` tries them all.
MAX_THREADS = 256


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One suite file. See docs/suites.md for the format."""

    name: str
    description: str
    datasets: list[str]
    methods: dict[str, dict[str, Any]]
    seeds: int = 10
    #: Threads of one cell, 0 for all cores. Fixed here because sums of floats depend on it.
    threads: int = 1
    #: A cell that takes longer than this has failed.
    time_limit_minutes: float = 720.0

    def settings(self, method: str, dataset: str) -> dict[str, Any]:
        """Settings on one dataset: what the method extends, its own, then `on.<dataset>`."""
        table = self.methods[method]
        base = table.get(_EXTENDS)
        settings = self.settings(base, dataset) if base else {}
        settings |= {key: value for key, value in table.items() if key not in (_EXTENDS, _ON)}
        settings |= table.get(_ON, {}).get(dataset, {})
        return settings


def suite_names() -> list[str]:
    """The suites that come with the package."""
    folder = resources.files("bench.suites")
    return sorted(
        f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")
    )


def load_suite(name: str) -> Suite:
    """A suite by its name, or by the path of a TOML file.

    Raises:
        UserError: no such suite, or the file has a mistake; the message says where.
    """
    if name.endswith(".toml"):
        source = name
        try:
            text = Path(name).read_bytes().removeprefix(codecs.BOM_UTF8)
        except OSError as error:
            raise UserError(f"{name}: cannot be read: {error.strerror}") from error
    else:
        source = f"suite {name}"
        pick(name, suite_names(), "suite", see="bench ls suites")
        text = resources.files("bench.suites").joinpath(f"{name}.toml").read_bytes()
    try:
        suite = msgspec.toml.decode(text, type=Suite)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if unknown := re.search("unknown field `(.+)`", str(error)):
            with _naming(source):
                pick(unknown[1], Suite.__struct_fields__, "key")
        raise UserError(f"{source}: {error}") from None
    _check(suite, source)
    if name.endswith(".toml") and suite.name in suite_names():
        raise UserError(f"{source}: name = {suite.name!r} is a suite of the package: take another")
    return suite


def _check(suite: Suite, source: str) -> None:
    check_name(suite.name, f"{source}: the suite's name")
    for key in ("datasets", "methods"):
        if not getattr(suite, key):
            raise UserError(f"{source}: {key} is empty: name one at least")
    if not 1 <= suite.seeds <= 1000:
        raise UserError(f"{source}: seeds = {suite.seeds}, but 1 to 1000 are possible")
    if not 0 <= suite.threads <= MAX_THREADS:
        raise UserError(f"{source}: threads = {suite.threads}, but 0 to {MAX_THREADS} are possible")
    if not 0 < suite.time_limit_minutes < math.inf:
        raise UserError(
            f"{source}: time_limit_minutes = {suite.time_limit_minutes:g}: must be a number above 0"
        )
    _check_methods(suite, source)


def _check_methods(suite: Suite, source: str) -> None:
    for method, table in suite.methods.items():
        _check_types(table, f"{source}: methods.{method}")
    for method, table in suite.methods.items():
        seen = {method}
        base = table.get(_EXTENDS)
        while base:
            with _naming(f"{source}: methods.{method}.{_EXTENDS}"):
                pick(base, suite.methods, "method")
            if base in seen:
                raise UserError(f"{source}: methods.{method} extends itself")
            seen.add(base)
            base = suite.methods[base].get(_EXTENDS)
        for dataset in table.get(_ON, {}):
            with _naming(f"{source}: methods.{method}.{_ON}"):
                pick(dataset, suite.datasets, "dataset")


def _check_types(table: dict[str, Any], place: str) -> None:
    base, on = table.get(_EXTENDS, ""), table.get(_ON, {})
    if not isinstance(base, str):
        raise UserError(f"{place}.{_EXTENDS} = {base!r}: write a method's name")
    if not isinstance(on, dict) or not all(isinstance(value, dict) for value in on.values()):
        raise UserError(f"{place}.{_ON}: write settings by dataset, as in on.vgmidi.epochs = 4")


@contextmanager
def _naming(place: str) -> Iterator[None]:
    """Begin a mistake's message with its place."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
