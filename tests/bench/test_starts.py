from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from bench.cells import Cell, plan
from bench.errors import UserError
from bench.starts import by_content, find_start, shipped_starts
from bench.suites import Suite

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "one.safetensors"
    path.write_bytes(b"some weights")
    return path


def cell(start: object = None, *, in_suite: object = None, scratch: bool = False) -> Cell:
    method: dict[str, Any] = {"width": 16}
    if in_suite is not None:
        method["start"] = str(in_suite)
    suite = Suite("tiny", "", ["synthetic"], {"midibert": method, "majority": {}}, seeds=1)
    changes = {} if start is None else {"start": str(start)}
    (made,) = plan(suite, method="midibert", changes=changes, from_scratch=scratch)
    return made


def test_a_start_counts_by_its_content_not_its_path(weights: Path) -> None:
    elsewhere = weights.parent / "other.safetensors"
    shutil.copy(weights, elsewhere)
    assert cell(weights).key == cell(elsewhere).key != cell().key
    elsewhere.write_bytes(b"other weights!")
    assert cell(weights).key != cell(elsewhere).key


def test_from_scratch_is_a_variant_of_its_own_with_the_key_of_no_start(weights: Path) -> None:
    started = cell(in_suite=weights)
    scratch = cell(in_suite=weights, scratch=True)
    assert started.changes == {}
    assert scratch.changes == {"start": "none"}
    assert "start=none" in str(scratch.path)
    assert scratch.key == cell().key == cell("none").key != started.key
    assert "start" not in scratch.settings
    assert cell(scratch=True).changes == {}  # where the suite starts from nothing anyway


def test_from_scratch_leaves_out_what_has_no_start() -> None:
    suite = Suite("tiny", "", ["synthetic"], {"midibert": {}, "majority": {}}, seeds=1)
    assert [c.method.name for c in plan(suite, from_scratch=True)] == ["midibert"]
    with pytest.raises(UserError, match="--from-scratch: no method 'majority'"):
        plan(suite, method="majority", from_scratch=True)


def test_a_start_that_is_not_there_is_told_when_the_key_is_asked_for() -> None:
    with pytest.raises(UserError, match=r"gone\.safetensors: no such checkpoint"):
        _ = cell("gone.safetensors").key
    with pytest.raises(UserError, match="unknown checkpoint 'liet'"):
        _ = cell("liet").key


def test_names_are_of_files_in_the_methods_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "their_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    for name in ("a-lite.bin", "a-paper.bin", "b-lite.bin"):
        (package / name).write_text(name)
    monkeypatch.syspath_prepend(tmp_path)
    assert set(shipped_starts("their_weights:a-{}.bin")) == {"lite", "paper"}
    assert find_start("their_weights:b-{}.bin", "lite").read_text() == "b-lite.bin"
    with pytest.raises(UserError, match="unknown checkpoint 'papre': did you mean 'paper'"):
        find_start("their_weights:a-{}.bin", "papre")


@pytest.mark.parametrize(
    "place", ["their_weights:{}", "their_weights:in/{}", "their_weights:in/a-{}"]
)
def test_names_need_no_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    folder = tmp_path / "their_weights" / ("in" if "/" in place else "")
    folder.mkdir(parents=True)
    (tmp_path / "their_weights/__init__.py").touch()
    (tmp_path / "their_weights/__pycache__").mkdir()
    file = folder / ("a-lite" if "a-" in place else "lite")
    file.write_text("weights")
    monkeypatch.syspath_prepend(tmp_path)
    assert shipped_starts(place) == {"lite": file}
    assert find_start(place, "lite") == file
    with pytest.raises(UserError, match="unknown checkpoint 'liet': did you mean 'lite'"):
        find_start(place, "liet")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.weights").write_text("of mine")
    assert find_start(place, "mine.weights").read_text() == "of mine"


def test_settings_of_methods_that_have_no_start_are_left_alone() -> None:
    from bench.registry import find_method

    settings = {"start": 3, "depth": 2}
    assert by_content(find_method("majority"), settings) == settings
