from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bench.cells import plan
from bench.errors import UserError
from bench.estimates import estimate
from bench.suites import load_suite

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bench.cells import Cell


def cells(**arguments: Any) -> list[Cell]:
    return plan(load_suite("lite"), method="midibert", dataset="emopia", **arguments)


def leave(results: Path, done: Iterable[Cell], seconds: float, key: str = "") -> None:
    """As much of a record as a plan looks at."""
    for cell in done:
        path = results / cell.path
        path.parent.mkdir(parents=True, exist_ok=True)
        head = {"key": key or cell.key, "provenance": {"wall_seconds": seconds}, "scores": {}}
        path.write_bytes(msgspec.json.encode(head))


def test_the_time_of_a_cell_is_the_mean_of_the_methods_records(tmp_path: Path) -> None:
    leave(tmp_path, cells(seeds=[0, 1]), 60)
    leave(tmp_path, cells(seeds=[0], changes={"epochs": 1}), 90)  # a variant counts, too
    leave(tmp_path, plan(load_suite("lite"), method="mt-midibert", dataset="emopia"), 5000)
    line, total = estimate(cells(), tmp_path, jobs=2)
    assert line == "lite/emopia/midibert    2 of 10 done  about 70 s per cell"
    assert total == "8 cells to run: about 5 min with 2 at a time"


def test_cells_that_take_no_time_have_an_estimate(tmp_path: Path) -> None:
    leave(tmp_path, cells(seeds=[0]), 0.0)
    line, total = estimate(cells(seeds=[0, 1]), tmp_path, jobs=1)
    assert line.endswith("1 of 2 done  about 0 s per cell")
    assert total == "1 cells to run: about 0 s with 1 at a time"
    more = plan(load_suite("lite"), method="mt-midibert", dataset="emopia", seeds=[0])
    *_, total = estimate([*cells(seeds=[0, 1]), *more], tmp_path, jobs=1)
    assert total == "2 cells to run: about 0 s with 1 at a time, and 1 cells of unknown time"


def test_each_cell_counts_once_and_no_job_has_none(tmp_path: Path) -> None:
    leave(tmp_path, cells(seeds=[0]), 60)
    line, total = estimate([*cells(seeds=[0, 1, 2]), *cells(seeds=[0, 1])], tmp_path, jobs=8)
    assert line == "lite/emopia/midibert    1 of 3 done  about 60 s per cell"
    assert total == "2 cells to run: about 60 s with 2 at a time"


def test_a_plan_sees_what_a_board_sees(tmp_path: Path) -> None:
    leave(tmp_path / "elsewhere", cells(seeds=[0]), 60)
    linked = tmp_path / "results/lite/emopia"
    linked.mkdir(parents=True)
    (linked / "midibert").symlink_to(tmp_path / "elsewhere/lite/emopia/midibert")
    with pytest.raises(UserError, match="a symbolic link; records must"):
        list(estimate(cells(), tmp_path / "results", jobs=1))


def test_a_record_of_other_settings_is_not_done_but_tells_a_time(tmp_path: Path) -> None:
    leave(tmp_path, cells(seeds=[0]), 10_000, key="of the settings before")
    line, total = estimate(cells(seeds=[0]), tmp_path, jobs=1)
    assert line.endswith("0 of 1 done  about 2.8 h per cell")
    assert total == "1 cells to run: about 2.8 h with 1 at a time"


def test_what_is_no_record_tells_nothing(tmp_path: Path) -> None:
    broken, without_time, failed = cells(seeds=[0, 1, 2])
    leave(tmp_path, [broken, without_time, failed], 60)
    (tmp_path / broken.path).write_text("{")
    (tmp_path / without_time.path).write_text(f'{{"key": "{without_time.key}"}}')
    path = tmp_path / failed.path
    path.rename(path.with_suffix(".failed.json"))
    line, total = estimate([broken, without_time, failed], tmp_path, jobs=1)
    assert line == "lite/emopia/midibert    1 of 3 done, 1 failed  (no time known yet)"
    assert total == "2 cells to run: no estimate"
    leave(tmp_path, [broken, without_time, failed], 60)
    _, total = estimate([broken, without_time, failed], tmp_path, jobs=1)
    assert total == "0 cells to run"
