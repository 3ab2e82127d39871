from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from bench import registry
from bench.datasets.smf import smf_bytes
from bench.errors import UserError
from bench.midi import parse_midi
from bench.names import pick
from bench.registry import find_method, load_point, method_problems, methods
from bench.views import load_view

if TYPE_CHECKING:
    from pathlib import Path

PAPER = {
    "svm-lin",
    "svm-panda",
    "midigpt",
    "midibert",
    "mt-midigpt",
    "mt-midibert",
}


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package elsewhere that the entry point `strangers` names."""
    package = tmp_path / "strangers"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n")
    points = [EntryPoint("strangers", "strangers", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group else [])
    monkeypatch.syspath_prepend(str(tmp_path))
    registry._found.cache_clear()
    yield package
    registry._found.cache_clear()


def problem() -> str:
    """The only one."""
    (found,) = method_problems()
    return found


def test_every_method_of_the_paper_is_there_with_a_summary() -> None:
    found = methods()
    assert PAPER | {"majority", "key-mode"} <= set(found)
    assert all(entry.summary for entry in found.values())


def test_every_method_loads_under_its_own_name() -> None:
    for name, entry in methods().items():
        assert entry.load().method_name == name  # type: ignore[attr-defined]  # set by the decorator


def test_listing_imports_no_method() -> None:
    code = (
        "import sys; from bench.registry import methods; assert methods();"
        "assert not {'torch', 'sklearn', 'models', 'baselines'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wrong_name_names_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown method 'midibart': did you mean 'midibert'"):
        find_method("midibart")


def test_name_unlike_any_lists_what_there_is() -> None:
    with pytest.raises(UserError, match="known: one, two"):
        pick("xyzzy", ["two", "one"], "thing")


def test_a_stranger_is_read_and_not_imported(strangers: Path) -> None:
    (strangers / "mine.py").write_text(
        "@register_method('mine', version=3, deterministic=True)\n"
        "class Mine:\n    'A method of mine.'\n"
    )
    entry = methods()["mine"]
    assert (entry.module, entry.attribute) == ("strangers.mine", "Mine")
    assert (entry.version, entry.deterministic, entry.summary) == (3, True, "A method of mine.")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"@register_method('mine')\nclass Mine\n", r"mine\.py:2: expected ':'"),
        (b"@register_method('m\xff')\n", r"mine\.py:1: \(unicode error\)"),
    ],
)
def test_a_mistake_in_a_strangers_file_is_told_with_its_place(
    strangers: Path, source: bytes, message: str
) -> None:
    (strangers / "mine.py").write_bytes(source)
    assert re.search(message, problem())


def test_one_broken_file_hides_no_other(strangers: Path) -> None:
    (strangers / "broken.py").write_text("@register_method('mine')\nclass Mine\n")
    (strangers / "good.py").write_text("@register_method('good')\nclass Good: ...\n")
    assert list(methods()) == ["good"]
    assert find_method("good").attribute == "Good"
    with pytest.raises(UserError, match=r"unknown method 'mine': .*; .*broken\.py:2: expected ':'"):
        find_method("mine")


def test_of_two_methods_of_one_name_neither_is_taken(strangers: Path) -> None:
    for file in ("a.py", "b.py"):
        (strangers / file).write_text("@register_method('same')\nclass Same: ...\n")
    (strangers / "c.py").write_text("@register_method('other')\nclass Other: ...\n")
    assert list(methods()) == ["other"]
    assert problem() == (
        "two methods are named 'same', strangers.a:Same and strangers.b:Same: rename one"
    )


def test_two_entry_points_may_name_one_package(
    strangers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (strangers / "mine.py").write_text("@register_method('mine')\nclass Mine: ...\n")
    points = [EntryPoint(name, "strangers", registry.GROUP) for name in ("one", "two")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group else [])
    assert (list(methods()), method_problems()) == (["mine"], [])


def test_a_decorator_that_needs_running_is_refused_with_its_line(strangers: Path) -> None:
    (strangers / "mine.py").write_text("NAME = 'x'\n\n@register_method(NAME)\nclass Mine: ...\n")
    assert "mine.py:3: @register_method takes a name" in problem()


@pytest.mark.parametrize("name", ["3", "None", "[]", "b'x'"])
def test_a_name_that_is_no_text_is_refused_with_its_line(strangers: Path, name: str) -> None:
    (strangers / "mine.py").write_text(f"@register_method({name})\nclass Mine: ...\n")
    assert "mine.py:1: @register_method takes a name (a text)" in problem()


@pytest.mark.parametrize(
    "source",
    [
        "@register_method('mine')\ndef mine(): ...\n",
        "if True:\n    @register_method('mine')\n    class Mine: ...\n",
        "class Outer:\n    @register_method('mine')\n    class Mine: ...\n",
    ],
)
def test_what_would_not_be_found_is_told(strangers: Path, source: str) -> None:
    (strangers / "mine.py").write_text(source)
    assert re.search(r"mine\.py:\d: @register_method must decorate a top-level class", problem())


def test_a_decorator_by_its_module_is_found(strangers: Path) -> None:
    (strangers / "mine.py").write_text("@registry.register_method('mine')\nclass Mine: ...\n")
    assert "mine" in methods()


def test_a_package_without_its_module_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("gone", "there_is_no_such_module", registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group else [])
    registry._found.cache_clear()
    assert "brings methods from 'there_is_no_such_module', which is" in problem()
    registry._found.cache_clear()


@pytest.mark.parametrize(
    ("file", "hides"), [("models/__init__.py", "models"), ("models.py", "models.py")]
)
def test_what_hides_a_package_of_ours_is_named(tmp_path: Path, file: str, hides: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("raise RuntimeError('imported')\n")
    code = f"""import sys
sys.path.insert(0, {str(tmp_path)!r})
from bench.errors import UserError
from bench.registry import find_method, load_point, methods
assert "majority" in methods()
for find, *name in (
    (find_method, "midibert"), (load_point, "smer_bench.commands", "predict", "command")
):
    try:
        find(*name)
    except UserError as error:
        print(error)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = f"'models' is {tmp_path / hides} here, not smer-bench's: rename that, or run elsewhere"
    assert done.stdout.count(told) == 2


@pytest.mark.parametrize(
    "keyword",
    [
        "version='2'",
        "version=True",
        "deterministic='no'",
        "deterministic=1",
        "encoding=3",
        "start=None",
        "color=1",
        "summary='mine'",
        "name='mine'",
        "**{}",
    ],
)
def test_a_keyword_of_another_type_is_refused(strangers: Path, keyword: str) -> None:
    (strangers / "mine.py").write_text(f"@register_method('mine', {keyword})\nclass Mine: ...\n")
    assert re.search(r"mine\.py:1: .* version \(a number\)", problem())


@pytest.mark.parametrize(
    "name", ["<b>", "../up", "a b", "mine+width=3", "", "x" * 65, "mïne", "-a"]
)
def test_a_name_that_no_record_may_hold_is_refused(strangers: Path, name: str) -> None:
    (strangers / "mine.py").write_text(f"@register_method({name!r})\nclass Mine:\n    ...\n")
    assert re.search(r"mine\.py:1: the method's name .* may hold letters", problem())


def fails(_: object) -> None:
    raise ZeroDivisionError("a stranger's mistake")


def test_a_view_that_fails_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("bad", f"{__name__}:fails", "views")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group else [])
    with pytest.raises(UserError, match="view 'bad' failed: ZeroDivisionError: a stranger's mis"):
        load_view("bad")(parse_midi(smf_bytes([[]])))


def test_what_a_package_brings_is_loaded_or_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("good", "json:dumps", "views"),
        EntryPoint("twice", "json:dumps", "views"),
        EntryPoint("twice", "json:loads", "views"),
        EntryPoint("same", "json:dumps", "views"),
        EntryPoint("same", "json:dumps", "views"),  # its package lies on the path twice
        EntryPoint("broken", "there_is_no_such_module:view", "views"),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group else [])
    assert load_point("views", "good", "view") is json.dumps
    assert load_point("views", "same", "view") is json.dumps
    for name, message in (
        ("god", "unknown view 'god': did you mean 'good'"),
        ("twice", "two packages bring a view 'twice', json:dumps and json:loads"),
        ("broken", "view 'broken': .* cannot be imported: ModuleNotFoundError"),
    ):
        with pytest.raises(UserError, match=message):
            load_point("views", name, "view")
