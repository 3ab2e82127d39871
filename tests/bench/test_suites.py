from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.cells import plan
from bench.datasets import dataset_names
from bench.errors import UserError
from bench.execution import check_settings
from bench.registry import methods
from bench.suites import load_suite, suite_names

GOOD = """
name = "mine"
description = "a suite"
datasets = ["synthetic", "emopia"]
[methods.majority]
[methods.midibert]
width = 64
on.emopia.width = 128
[methods.mt-midibert]
extends = "midibert"
tasks = ["key"]
"""


def write(folder: Path, text: str) -> str:
    file = folder / "mine.toml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("name", suite_names())
def test_the_package_s_suites_name_what_exists(name: str) -> None:
    suite = load_suite(name)
    assert suite.name == name
    assert set(suite.datasets) <= set(dataset_names())
    assert set(suite.methods) <= set(methods())


@pytest.mark.parametrize("name", suite_names())
def test_the_package_s_settings_are_settings_of_their_methods(name: str) -> None:
    for cell in plan(load_suite(name), seeds=[0]):
        check_settings(cell)


def test_the_example_of_the_docs_can_be_run(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/suites.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    cells = plan(load_suite(write(tmp_path, example)), seeds=[0])
    assert len(cells) > 4
    for cell in cells:
        check_settings(cell)


def test_settings_come_from_the_base_then_the_method_then_the_dataset(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, GOOD))
    assert suite.settings("midibert", "synthetic") == {"width": 64}
    assert suite.settings("mt-midibert", "emopia") == {"width": 128, "tasks": ["key"]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("description", "descripton", "mine.toml: unknown key .*did you mean 'description'"),
        ('datasets = ["synthetic", "emopia"]', "datasets = 3", r"Expected `array`.*\$.datasets"),
        ('extends = "midibert"', 'extends = "midibart"', "extends: .*did you mean 'midibert'"),
        ('extends = "midibert"', 'extends = "mt-midibert"', "mt-midibert extends itself"),
        ("on.emopia", "on.emopria", "did you mean 'emopia'"),
        ("width = 64", "width = ", "mine.toml: "),
        ('name = "mine"', 'name = "../mine"', "may hold letters"),
        ('name = "mine"', 'name = "mine"\nseeds = 0', "seeds = 0"),
        ('name = "mine"', 'name = "mine"\nthreads = -1', "threads = -1, but 0 to 256"),
        ('name = "mine"', 'name = "mine"\ntime_limit_minutes = 0', "time_limit_minutes = 0"),
        ('datasets = ["synthetic", "emopia"]', "datasets = []", "mine.toml: datasets is empty"),
        ('extends = "midibert"', "extends = 3", "mt-midibert.extends = 3: write a method's name"),
        ("on.emopia.width = 128", "on.emopia = 128", "methods.midibert.on: write settings by"),
        ("on.emopia.width = 128", "on = 128", "methods.midibert.on: write settings by"),
    ],
)
def test_a_typo_is_told_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=message):
        load_suite(write(tmp_path, GOOD.replace(old, new)))


def test_a_mark_of_the_order_of_bytes_is_no_part_of_a_suite(tmp_path: Path) -> None:
    assert load_suite(write(tmp_path, "\ufeff" + GOOD)).name == "mine"


@pytest.mark.parametrize(
    ("old", "new"), [('"emopia"]', '"emopa"]'), ("[methods.majority]", "[methods.majorty]")]
)
def test_a_name_that_no_one_has_is_told_with_its_suite(tmp_path: Path, old: str, new: str) -> None:
    text = GOOD.replace("on.emopia.width = 128\n", "").replace(old, new)
    suite = load_suite(write(tmp_path, text))
    with pytest.raises(UserError, match=r"suite mine: unknown .*did you mean"):
        plan(suite)


def test_a_file_may_not_take_the_name_of_a_suite_of_the_package(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "lite"\ndescription = ""\ndatasets = ["synthetic"]\n[methods.majority]\n'
    )
    with pytest.raises(UserError, match=r"mine\.toml: name = 'lite' is a suite of the package"):
        load_suite(str(file))


def test_unknown_suite_and_missing_file() -> None:
    with pytest.raises(UserError, match="did you mean 'smoke'"):
        load_suite("smok")
    with pytest.raises(UserError, match=r"nowhere\.toml: cannot be read"):
        load_suite("nowhere.toml")
