"""Which extractor the methods' tables come from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines import tables
from baselines.jsymbolic.native.catalogue import extract
from baselines.panda import COLUMNS as PANDA_COLUMNS
from baselines.svm import SvmJSymbolic
from baselines.tables import ALL_COLUMNS, JSYMBOLIC_COLUMNS, full_table, jsymbolic_table
from bench.cells import plan
from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError, WorkError
from bench.execution import check_settings
from bench.extractors import Failure
from bench.methods import silent
from bench.suites import load_suite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.extractors import Options
    from bench.methods import FloatArray

METHODS = ("svm-lin", "svm-panda", "svm-jsymbolic", "gbdt-jsymbolic", "trees-jsymbolic")


class Other:
    """Gives each file a row of its number of bytes; fails on the smallest."""

    def __init__(self, columns: tuple[str, ...] = JSYMBOLIC_COLUMNS) -> None:
        self.columns = columns

    def extract(self, files: Sequence[Path], options: Options) -> list[FloatArray | Failure]:
        assert options.jobs == 1
        sizes = [file.stat().st_size for file in files]
        ramp = np.arange(len(self.columns), dtype=np.float64)
        return [s + ramp if s > 100 else Failure("too small") for s in sizes]


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    made = []
    for i in range(8):
        notes = [SmfNote(j * 480, j * 480 + 400, 60 + j, 80) for j in range(20 + i)]
        data = smf_bytes([notes])
        path = tmp_path / f"{i}.mid"
        path.write_bytes(data)
        made.append(Clip.from_file(path, quadrant=i % 4))
    return made


def use(monkeypatch: pytest.MonkeyPatch, extractor: Other) -> None:
    monkeypatch.setattr(tables, "load_extractor", {"other": extractor}.__getitem__)


def test_another_extractor_gives_jsymbolics_part(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Other())
    table, full = jsymbolic_table(clips, "other"), full_table(clips, "other")
    assert table.shape == (8, 1495)
    assert table[3, 5] == clips[3].path.stat().st_size + 5
    np.testing.assert_array_equal(full[:, :1495], table)
    np.testing.assert_array_equal(full[:, 1495:], full_table(clips)[:, 1495:])
    assert full.shape[1] == len(ALL_COLUMNS) == 1495 + len(PANDA_COLUMNS)
    assert jsymbolic_table([], "other").shape == (0, 1495)


def test_the_native_one_is_the_default(clips: list[Clip]) -> None:
    np.testing.assert_array_equal(jsymbolic_table(clips)[0], extract(clips[0].midi))


def test_a_method_learns_from_the_extractor_it_is_told(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Other())
    method = SvmJSymbolic(extractor="other")
    method.fit(clips, [], seed=0, progress=silent)
    assert method.details()["n_dimensions"] == 1495  # of natural music far fewer vary


def test_a_clip_without_a_row_is_named(clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Other())
    clips[2].path.write_bytes(b"")
    small = replace(clips[2], sha256=hashlib.sha256(b"").hexdigest())
    with pytest.raises(WorkError, match=r"2\.mid: too small"):
        jsymbolic_table([*clips[:2], small], "other")
    with pytest.raises(UserError, match=r"2\.mid: wrong content"):
        jsymbolic_table(clips, "other")


def test_columns_must_be_jsymbolics(clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Other(("a", "b")))
    with pytest.raises(UserError, match="does not have jSymbolic's columns"):
        jsymbolic_table(clips, "other")


@pytest.mark.parametrize("name", METHODS)
def test_an_extractor_is_looked_for_before_a_run(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = load_suite("lite")

    def cell(extractor: str) -> Cell:
        changes = {"extractor": extractor}
        (found,) = plan(suite, method=name, dataset="emopia", seeds=[0], changes=changes)
        return found

    for there in ("native", "jsymbolic"):
        check_settings(cell(there))
    with pytest.raises(UserError, match="unknown extractor 'jsymbolc': did you mean 'jsymbolic'"):
        check_settings(cell("jsymbolc"))
    use(monkeypatch, Other(("a", "b")))
    with pytest.raises(UserError, match="does not have jSymbolic's columns"):
        check_settings(cell("other"))


def test_the_choice_is_part_of_a_cell() -> None:
    suite = load_suite("lite")
    for name in METHODS:
        (plain,) = plan(suite, method=name, dataset="emopia", seeds=[0])
        changed = {"extractor": "jsymbolic"}
        (chosen,) = plan(suite, method=name, dataset="emopia", seeds=[0], changes=changed)
        assert plain.key != chosen.key
        assert "extractor=jsymbolic" in str(chosen)
