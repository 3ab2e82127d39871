"""Commands that other packages bring along, through the entry-point group `smer_bench.commands`."""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.errors import UserError
from bench.registry import load_point
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "smer_bench.commands"


@cache
def foreign_commands() -> Mapping[str, EntryPoint]:
    """Commands by name, in alphabetical order; nothing is imported."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)}


def load_foreign(name: str) -> click.Command | None:
    """The command of that name; None if there is none.

    Raises:
        UserError: as `bench.registry.load_point`; or it is no command.
    """
    if name not in foreign_commands():
        return None
    command: object = load_point(GROUP, name, "command")
    if not isinstance(command, click.Command):
        value = foreign_commands()[name].value
        raise UserError(f"command {name!r}: {value!r} is not a click.Command: fix its package")
    return command


def summary(point: EntryPoint) -> str:
    """What a command does: the first line of its module's docstring, read but not imported.

    A leading "`bench <command>`: " is left out.
    """
    try:
        spec = importlib.util.find_spec(point.module)
    except Exception as error:  # noqa: BLE001 - of "a.b", a is imported
        return shown(f"cannot be imported: {type(error).__name__}: {error}")
    try:
        source = Path(spec.origin or "").read_bytes() if spec else b""
        line = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    except (OSError, ValueError, SyntaxError):
        return ""
    text = line.removeprefix(f"`bench {point.name}`: ")
    return text[:1].upper() + text[1:]
