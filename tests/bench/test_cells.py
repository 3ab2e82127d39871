from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.cells import parse_changes, parse_seeds, plan
from bench.datasets import dataset_info
from bench.errors import UserError
from bench.records import CellIdentity
from bench.suites import Suite, load_suite

if TYPE_CHECKING:
    import random
    from pathlib import Path

SMOKE = load_suite("smoke")
LITE = load_suite("lite")


def made_up(methods: dict[str, dict[str, Any]], **limits: Any) -> Suite:
    """A suite with one seed on the synthetic dataset."""
    return Suite("mine", "", ["synthetic"], methods, seeds=1, **limits)


def test_seeds_are_outermost_and_deterministic_methods_run_once() -> None:
    cells = plan(SMOKE, seeds=[3, 5])
    seeds = [cell.seed for cell in cells if not cell.method.deterministic]
    assert seeds == sorted(seeds)
    assert [c.method.name for c in cells].count("majority") == 1
    assert [c.method.name for c in cells].count("midibert") == 2
    assert {c.seed for c in cells if c.method.deterministic} == {0}


def test_keys_tell_cells_apart_and_nothing_else() -> None:
    cells = plan(LITE)
    assert len({c.key for c in cells}) == len(cells)
    assert len({c.path for c in cells}) == len(cells)
    cell = cells[-1]
    assert replace(cell, suite="other", time_limit_minutes=1).key == cell.key
    assert replace(cell, seed=77).key != cell.key
    assert replace(cell, dataset_digest="0").key != cell.key
    assert replace(cell, method=replace(cell.method, version=99)).key != cell.key
    assert replace(cell, method=replace(cell.method, encoding="other")).key != cell.key
    assert replace(cell, threads=cell.threads + 1).key != cell.key
    assert replace(cell, settings={**cell.settings, "lr": 0.5}).key != cell.key


def test_a_cell_is_of_its_own_dataset_and_under_its_suites_limits() -> None:
    assert {(c.dataset, c.dataset_digest) for c in plan(LITE)} == {
        (name, dataset_info(name).digest) for name in LITE.datasets
    }
    (cell,) = plan(made_up({"majority": {}}, threads=4, time_limit_minutes=5.0))
    assert (cell.threads, cell.time_limit_minutes) == (4, 5.0)


@given(st.randoms(use_true_random=False))
def test_the_order_of_changes_changes_no_key(shuffler: random.Random) -> None:
    # Some that the suite has too, and some that it lacks.
    changes = ["epochs=3", "lr=1e-3", 'tasks=["key"]', "weight_decay=0.3", "dropout=0.2"]
    shuffled = list(changes)
    shuffler.shuffle(shuffled)
    (one,), (two,) = (
        plan(SMOKE, method="midibert", seeds=[0], changes=parse_changes(c))
        for c in (changes, shuffled)
    )
    assert one.key == two.key
    assert one.path == two.path


def test_all_tasks_on_the_single_task_method_is_the_multi_task_method() -> None:
    changed = plan(SMOKE, method="midibert", seeds=[0], changes={"tasks": ["key", "velocity"]})
    (named,) = plan(SMOKE, method="mt-midibert", seeds=[0])
    assert [c.key for c in changed] == [named.key]
    assert changed[0].path == named.path


def test_without_its_tasks_the_multi_task_method_is_the_single_task_method() -> None:
    (changed,) = plan(SMOKE, method="mt-midibert", seeds=[0], changes={"tasks": []})
    (named,) = plan(SMOKE, method="midibert", seeds=[0])
    assert (changed.key, changed.path) == (named.key, named.path)


@pytest.mark.parametrize(
    ("methods", "method", "changes"),
    [
        ({"midibert": {"width": 16}, "midigpt": {"width": 32}}, "midibert", {"width": 32}),
        # Of one table, but other encodings, other models, or with tasks that are not written down.
        (
            {
                "midibert": {"width": 16},
                "mt-midibert": {"extends": "midibert", "tasks": ["key"]},
                "midibert-rescaled": {"extends": "midibert"},
            },
            "midibert-rescaled",
            {"tasks": ["key"]},
        ),
        (
            {"svm-lin": {"dimensions": 50}, "svm-panda": {"extends": "svm-lin", "dimensions": 20}},
            "svm-lin",
            {"dimensions": 20},
        ),
        (
            {"midibert": {"width": 16}, "mt-midibert": {"extends": "midibert", "epochs": 1}},
            "midibert",
            {"epochs": 1},
        ),
        (
            {"midibert": {"epochs": 1}, "mt-midibert": {"extends": "midibert", "epochs": 2}},
            "mt-midibert",
            {"epochs": 1},
        ),
    ],
)
def test_a_method_with_the_settings_of_another_stays_what_it_is(
    methods: dict[str, Any], method: str, changes: dict[str, Any]
) -> None:
    cells = plan(made_up(methods), method=method, changes=changes)
    assert [(cell.method.name, cell.changes) for cell in cells] == [(method, changes)]


def test_without_its_start_a_method_keeps_its_other_changes() -> None:
    suite = made_up({"midibert": {"width": 16, "start": "lite"}, "majority": {}})
    (cell,) = plan(suite, changes={"lr": 0.5}, from_scratch=True)
    assert cell.settings == {"width": 16, "lr": 0.5}
    assert cell.changes == {"lr": 0.5, "start": "none"}


def test_a_change_that_changes_nothing_is_the_suite_s_own_cell() -> None:
    epochs = SMOKE.settings("midibert", "synthetic")["epochs"]
    (changed,) = plan(SMOKE, method="midibert", seeds=[0], changes={"epochs": epochs})
    assert changed.path == plan(SMOKE, method="midibert", seeds=[0])[0].path


def test_a_change_that_repeats_the_suite_is_left_out() -> None:
    epochs = SMOKE.settings("midibert", "synthetic")["epochs"]
    (short,) = plan(SMOKE, method="midibert", seeds=[0], changes={"lr": 0.5})
    (long,) = plan(SMOKE, method="midibert", seeds=[0], changes={"lr": 0.5, "epochs": epochs})
    assert (long.path, long.key) == (short.path, short.key)
    (true,) = plan(LITE, method="midibert", dataset="emopia", seeds=[0], changes={"patience": True})
    assert true.settings["patience"] is True  # a mistake, to be told, though the suite says 1
    (scratch,) = plan(SMOKE, method="midibert", seeds=[0], changes={"lr": 0.5, "start": "none"})
    assert (scratch.path, scratch.key) == (short.path, short.key)


def test_changed_cells_lie_beside_the_suite_s_own() -> None:
    (cell,) = plan(SMOKE, method="midibert", seeds=[4], changes={"tasks": ["key"], "epochs": 2})
    assert str(cell.path) == "smoke/synthetic/midibert+epochs=2,tasks=key/seed-4.json"


def test_a_change_that_python_takes_for_the_suites_value_is_another_cell() -> None:
    suite = made_up({"majority": {"flag": True, "depth": 1.5}})
    (own,) = plan(suite)
    (same,) = plan(suite, changes={"flag": True})
    (other,) = plan(suite, changes={"flag": 1})
    assert (same.path, same.key) == (own.path, own.key)
    assert (other.path == own.path, other.key == own.key) == (False, False)
    assert other.changes == {"flag": 1}


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (1, "1"),
        (True, "true"),
        ([1], ["1"]),
        ([1, 2], [1, "2"]),
        (["a", "b"], ["a-b"]),
        ([["a"], "b"], ["a", "b"]),
        (1e400, "inf"),
    ],
)
def test_different_values_have_different_folders(value: object, other: object) -> None:
    paths = {CellIdentity("s", "d", "m", 0, {"x": x}).path for x in (value, other)}
    assert len(paths) == 2


@pytest.mark.parametrize(
    ("changes", "folder"),
    [
        ({"tasks": ["key", "velocity"]}, "m+tasks=key-velocity"),
        ({"start": "none", "lr": 1e-3}, "m+lr=0.001,start=none"),
        ({"tasks": []}, "m+tasks=none"),
        ({"start": "emopia-lite", "bias": False}, "m+bias=false,start=emopia-lite"),
        ({"start": "/a b/c"}, "m+bdd877653eab"),
    ],
)
def test_folders_of_changes_stay_as_they_are(changes: dict[str, object], folder: str) -> None:
    assert CellIdentity("s", "d", "m", 0, changes).path.parts[2] == folder


@pytest.mark.parametrize("value", ["../../etc", "a b", "x" * 200, "<script>"])
def test_no_value_of_a_change_leaves_its_folder(value: str) -> None:
    (cell,) = plan(SMOKE, method="midibert", seeds=[0], changes={"start": value})
    assert cell.path.parts[:2] == ("smoke", "synthetic")
    assert len(cell.path.parts) == 4
    assert len(cell.path.parts[2]) < 100


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"method": "midibart"}, "unknown method 'midibart': did you mean 'midibert'"),
        ({"dataset": "synthetik"}, "unknown dataset 'synthetik': did you mean 'synthetic'"),
        ({"method": "xx*"}, "unknown method"),
        (
            {"dataset": "emopia"},
            r"'emopia' is not in suite smoke: known: synthetic \(or write a suite of your own",
        ),
        (
            {"method": "midibert-rescaled"},
            "method 'midibert-rescaled' is not in suite smoke: did you mean 'midibert'",
        ),
    ],
)
def test_a_glob_that_matches_nothing_is_told(asked: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        plan(SMOKE, **asked)  # type: ignore[arg-type]  # only strings are asked for here


def test_what_is_not_in_a_suite_of_ones_own_can_be_added_to_it() -> None:
    with pytest.raises(UserError, match=r"is not in suite mine: add it to `datasets` in its file"):
        plan(made_up({"majority": {}}), dataset="emopia")
    with pytest.raises(UserError, match=r"is not in suite mine: add \[methods.key-mode\]"):
        plan(made_up({"majority": {}}), method="key-mode")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, {"a": [-float("inf")]}]])
def test_what_no_key_can_hold_is_refused(value: object) -> None:
    with pytest.raises(UserError, match=r"setting width=.* of midibert: must be a finite number"):
        plan(SMOKE, method="midibert", changes={"width": value})


def test_globs_choose() -> None:
    assert {c.method.name for c in plan(SMOKE, method="mt-*")} == {"mt-midibert", "mt-midigpt"}


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0-3", [0, 1, 2, 3]), ("4", [4]), ("3-3", [3]), ("2,0,1-2", [2, 0, 1])],
)
def test_seeds_are_read(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "-1", "1,,2", "1-2-3"])
def test_bad_seeds_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="--seeds"):
        parse_seeds(text)


def test_of_seeds_there_are_as_many_as_a_plan_takes_seconds_for() -> None:
    assert len(parse_seeds("0-9998,999999")) == 10_000
    with pytest.raises(UserError, match="over 10,000 seeds, the limit"):
        parse_seeds("0-9999,999999")
    with pytest.raises(UserError, match="the largest 999999"):
        parse_seeds("1000000")


def test_changes_are_read_as_toml_where_they_are_toml() -> None:
    assert parse_changes(["a=1", "b=1e-3", "c=true", "d=x y", 'e=["key"]', "f="]) == {
        "a": 1,
        "b": 1e-3,
        "c": True,
        "d": "x y",
        "e": ["key"],
        "f": "",
    }
    assert parse_changes(["batch-size=8"]) == {"batch_size": 8}


@pytest.mark.parametrize("texts", [["a"], ["=1"], ["a=1", "a=2"], ["a b=1"]])
def test_bad_changes_are_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match="--changes"):
        parse_changes(texts)


def test_planning_thousands_of_cells_reads_no_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMER_BENCH_DATA", str(tmp_path))
    plan(LITE)  # reads its manifests and what it starts from, once
    monkeypatch.setattr("io.open", None)
    assert len(plan(LITE, seeds=range(1000))) > 4000
