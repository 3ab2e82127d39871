"""Methods by name, found without importing them.

A class joins the benchmark by one line above it::

    @register_method("key-mode", version=1, deterministic=True)
    class KeyMode: ...

in any module of a package that the entry-point group `smer_bench.methods` names. That group is
searched by reading source, not by importing it, so that listing methods or planning a
thousand cells never loads torch. The decorator's arguments are therefore literals.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import UserError, WorkError
from bench.names import check_name, pick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from importlib.metadata import EntryPoint

    from bench.methods import Method

T = TypeVar("T")

GROUP = "smer_bench.methods"


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """What is known of a method before it is imported."""

    name: str
    module: str
    attribute: str
    version: int = 1
    deterministic: bool = False
    encoding: str = ""
    start: str = ""
    summary: str = ""

    def load(self) -> Callable[..., Method]:
        """Import the method's class."""
        factory: Callable[..., Method] = getattr(
            importlib.import_module(self.module), self.attribute
        )
        return factory


def register_method(
    name: str,
    *,
    version: int = 1,
    deterministic: bool = False,
    encoding: str = "",
    start: str = "",
) -> Callable[[type[T]], type[T]]:
    """Make a class a method of the benchmark.

    Args:
        name: what users type; lower case, words joined by "-". See `bench.names.NAME`.
        version: raise it when the same settings and seed give another outcome; it is part of
            every record's key, so old records stop counting.
        deterministic: the seed changes nothing; the method is run once and gets no "±".
        encoding: name and version of the encoding it reads, such as "compound-1".
        start: where the weights lie that its setting `start` may name: "package:pattern", with {}
            for the name (`bench.starts`). Without it the method has no such setting.
    """
    del version, deterministic, encoding, start  # read from the source by `_entry`

    def mark(cls: type[T]) -> type[T]:
        cls.method_name = name  # type: ignore[attr-defined]  # any class may be a method
        return cls

    return mark


def methods() -> Mapping[str, MethodEntry]:
    """All methods, by name, in alphabetical order."""
    return _found()[0]


def method_problems() -> list[str]:
    """Why some methods cannot be found, a line each: the others can be used.

    A package is not there, or another of its name is; a file of it cannot be read, a decorator's
    arguments are not literals, or two classes claim one name.
    """
    return _found()[1]


def find_method(name: str) -> MethodEntry:
    """The method of that name.

    Raises:
        UserError: there is none; the message names the nearest, and what else may be the reason.
    """
    try:
        return methods()[pick(name, methods(), "method", see="bench ls methods")]
    except UserError as error:
        raise UserError("; ".join([str(error), *method_problems()[:1]])) from None


def point_names(group: str) -> list[str]:
    """The names of a group's entry points, each once, in alphabetical order; imports nothing."""
    return sorted({point.name for point in entry_points(group=group)})


def find_point(group: str, name: str, kind: str) -> EntryPoint:
    """The entry point of that name; imports nothing.

    Args:
        group: of entry points.
        name: one of them.
        kind: what it is to people, such as "view".

    Raises:
        UserError: there is none, or two of that name.
    """
    points = entry_points(group=group)
    pick(name, {point.name for point in points}, kind)
    point, *others = dict.fromkeys(point for point in points if point.name == name)
    if others:
        raise UserError(
            f"two packages bring a {kind} {name!r}, {point.value} and {others[0].value}: "
            "uninstall one"
        )
    return point


def load_point(group: str, name: str, kind: str) -> Any:
    """What a package elsewhere brings under a name; see `find_point`.

    Raises:
        UserError: as `find_point`; or its import fails.
    """
    point = find_point(group, name, kind)
    try:
        return point.load()
    except UserError:
        raise
    except Exception as error:  # a stranger's code may fail in any way
        why = _displaced(point) or f"{type(error).__name__}: {error}"
        raise UserError(f"{kind} {name!r}: {point.value!r} cannot be imported: {why}") from error


@contextmanager
def calling(kind: str, name: str) -> Iterator[None]:
    """Around a call of what another package brings, which may fail in any way.

    Raises:
        UserError: it failed; the message names what.
    """
    try:
        yield
    except (UserError, WorkError):
        raise
    except Exception as error:
        raise UserError(f"{kind} {name!r} failed: {type(error).__name__}: {error}") from error


@cache
def _found() -> tuple[dict[str, MethodEntry], list[str]]:
    """The methods by name, and what was wrong with others."""
    entries: dict[str, dict[MethodEntry, None]] = defaultdict(dict)
    problems: list[str] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        with _noting(problems):
            for file, module in _sources(point):
                with _noting(problems):
                    for entry in _registrations(file, module):
                        entries[entry.name][entry] = None
    found = {}
    for name, (entry, *others) in sorted(entries.items()):
        if others:
            places = " and ".join(f"{e.module}:{e.attribute}" for e in (entry, *others))
            problems.append(f"two methods are named {name!r}, {places}: rename one")
        else:
            found[name] = entry
    return found, problems


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        problems.append(str(error))


def _sources(point: EntryPoint) -> Iterator[tuple[Path, str]]:
    """The files that an entry point names, and the modules that they are."""
    if displaced := _displaced(point):
        raise UserError(displaced)
    module = point.value
    package = f"the package {point.dist.name}" if point.dist else "a package"
    try:
        spec = importlib.util.find_spec(module)
    except Exception as error:  # of a dotted name, the packages around it are imported
        raise UserError(
            f"{package} brings methods from {module!r}, which cannot be imported: "
            f"{type(error).__name__}: {error}: fix or uninstall it"
        ) from error
    if spec is None or spec.origin is None:
        raise UserError(
            f"{package} brings methods from {module!r}, which is not a module: fix or uninstall it"
        )
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        yield origin, module
        return
    for file in sorted(origin.parent.rglob("*.py")):
        parts = file.relative_to(origin.parent).with_suffix("").parts
        yield file, ".".join((module, *parts)).removesuffix(".__init__")


def _displaced(point: EntryPoint) -> str:
    """What a user's folder hides of ours that has its name, such as `models`; "" if none does.

    A stranger's package cannot be told so: a copy that is worked on may well come first.
    """
    if point.dist is None or point.dist.name != "smer-bench":
        return ""
    name = point.value.partition(":")[0].partition(".")[0]
    spec = importlib.util.find_spec(name)
    if spec is None:
        return ""
    place = Path(next(iter(spec.submodule_search_locations or [spec.origin or ""])))
    if place.parent.resolve() == Path(__file__).parents[1].resolve():
        return ""
    return (
        f"{name!r} is {place.absolute()} here, not smer-bench's: rename that, or run elsewhere "
        "and without PYTHONPATH"
    )


def _registrations(file: Path, module: str) -> Iterator[MethodEntry]:
    try:
        source = file.read_bytes()
        if b"register_method(" not in source:
            return  # spares parsing nearly every file
        tree = ast.parse(source, filename=str(file))  # bytes: as the file's coding line says
    except (OSError, SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise UserError(f"{file}:{line}: {getattr(error, 'msg', None) or error}") from None
    for node in ast.walk(tree):
        for decorator in getattr(node, "decorator_list", ()):
            if not isinstance(decorator, ast.Call) or _called(decorator) != "register_method":
                continue
            if not isinstance(node, ast.ClassDef) or node not in tree.body:
                raise UserError(
                    f"{file}:{decorator.lineno}: @register_method must decorate a top-level class"
                )
            yield _entry(decorator, node, module, file)


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _entry(call: ast.Call, node: ast.ClassDef, module: str, file: Path) -> MethodEntry:
    import msgspec  # not above: `bench --help` needs none

    try:
        (name,) = map(ast.literal_eval, call.args)
        keywords: dict[str, Any] = {k.arg or "**": ast.literal_eval(k.value) for k in call.keywords}
        summary = (ast.get_docstring(node) or "").partition("\n")[0]
        entry = MethodEntry(name, module, node.name, summary=summary, **keywords)
        msgspec.convert(asdict(entry), MethodEntry)  # are they of the types that they must be?
    except (ValueError, TypeError, msgspec.ValidationError):
        raise UserError(
            f"{file}:{call.lineno}: @register_method takes a name (a text) and as literals the "
            "keywords version (a number), deterministic (True or False), encoding and start (texts)"
        ) from None
    check_name(name, f"{file}:{call.lineno}: the method's name")
    return entry
