"""What the board says of auxiliary tasks and of pre-training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.bench.boards import LABELS, column, rendered, with_hits

if TYPE_CHECKING:
    from tests.bench.conftest import MakeRecord


def test_added_tasks_are_compared_with_the_same_method_without(make_record: MakeRecord) -> None:
    labels = LABELS * 5
    records = [
        make_record(method, seed=seed, labels=labels, predicted=with_hits(hits) * 5, settings=tasks)
        for seed in range(3)
        for method, hits, tasks in (
            ("alpha", 8, {}),
            ("mt-alpha", 16, {"tasks": ["key"]}),
            ("beta", 16, {}),
            ("their-own-alpha", 18, {"tasks": ["key"]}),
        )
    ]
    heading = "### Do auxiliary tasks help?"
    text = rendered(records)
    assert column(text, heading, "Difference") == {"mt-alpha − alpha": "+40.00"}
    assert "| mt-alpha − alpha | EMOPIA | yes, better |" in text
    power = text.partition("Power on EMOPIA")[2]
    assert "To see the paper's 4.17 points" in power
    assert "there are 100. The standard error over seeds is 0.0 points here" in power
    # All seeds answer the same.
    assert column(text, heading, "p (seeds)") == {"mt-alpha − alpha": "–"}
    once = rendered([record for record in records if record.cell.seed == 1])
    assert "| mt-alpha − alpha | EMOPIA | n = 1: no test |" in once
    assert heading not in rendered([r for r in records if r.cell.method != "alpha"])


@pytest.mark.parametrize(
    ("settings", "details", "compared"),
    [
        ({}, {"tasks": ["key"]}, True),  # the method's own, which the suite does not name
        ({}, {"tasks": []}, False),
        ({}, {}, False),  # as in records from before
        ({"tasks": []}, {"tasks": ["key"]}, False),
        ({"tasks": ["key"]}, {}, True),
        ({}, {"tasks": 5}, False),
    ],
)
def test_tasks_that_no_suite_names_are_those_that_the_method_reports(
    make_record: MakeRecord, settings: dict[str, Any], details: dict[str, Any], compared: bool
) -> None:
    text = rendered(
        [
            make_record("alpha", details={"tasks": []}),
            make_record("mt-alpha", settings=settings, details=details),
        ]
    )
    assert ("| mt-alpha − alpha |" in text) == compared


def test_the_more_is_asked_the_more_it_takes(make_record: MakeRecord) -> None:
    labels = LABELS * 2
    records = [
        make_record(
            method,
            seed=seed,
            labels=labels,
            predicted=with_hits(hits + (seed if tasks else 0)) * 2,
            settings=tasks,
        )
        for seed in range(3)
        for method, hits, tasks in (
            ("alpha", 11, {}),
            ("mt-alpha", 13, {"tasks": ["key"]}),
            ("beta", 11, {}),
            ("mt-beta", 14, {"tasks": ["key"]}),
        )
    ]
    heading = "### Do auxiliary tasks help?"
    for test in ("p (songs)", "p (seeds)"):
        alone = sorted(
            float(column(rendered(some), heading, test)[f"mt-{name} − {name}"])
            for name in ("alpha", "beta")
            if (some := [r for r in records if r.cell.method.endswith(name)])
        )
        both = column(rendered(records), heading, test)
        first, second = sorted(map(float, both.values()))
        # The smaller p counts twice, which makes it no smaller than the other.
        assert first == pytest.approx(2 * alone[0], abs=2e-3)
        assert second == pytest.approx(max(alone[1], 2 * alone[0]), abs=2e-3)


def test_the_validation_clips_are_asked_too(make_record: MakeRecord) -> None:
    def board(histories: dict[str, list[float]]) -> str:
        records = [
            make_record(
                method,
                seed=seed,
                settings={"tasks": ["key"]} if method == "mt-alpha" else {},
                details={
                    "best_epoch": 2,
                    "history": [{"valid_accuracy": v} for v in histories.get(method, ())],
                },
            )
            for seed in range(2)
            for method in ("alpha", "mt-alpha")
        ]
        valid = column(rendered(records), "### Do auxiliary tasks help?", "Valid")
        return valid["mt-alpha − alpha"]

    assert board({"alpha": [0.9, 0.5], "mt-alpha": [0.1, 0.75, 0.2]}) == "+25.00"
    assert board({"alpha": [0.9, 0.5], "mt-alpha": [0.1]}) == "–"  # there is no second epoch
    assert board({"alpha": [0.9, 0.5]}) == "–"


def test_an_ablation_is_set_beside_the_paper_over_what_the_paper_counts(
    make_record: MakeRecord,
) -> None:
    def delta(**of: Any) -> str:
        records = [make_record("midibert", changes=c, **of) for c in ({}, {"tasks": ["key"]})]
        return column(rendered(records), "#### Auxiliary tasks of midibert", "Δ")["none"]

    # The paper has 63.41 % of segments; clips stand in where there are none.
    assert delta(labels=LABELS, predicted=with_hits(12)) == "−3.41"
    assert delta(segments=[[0, 0, 1], [1], [2], [3, 0]]) == "+8.02"  # 5 of 7, of all clips


def test_learned_starts_are_compared_with_random_ones(make_record: MakeRecord) -> None:
    labels = LABELS * 5
    started = {"lr": 1e-4, "start": "lite"}
    scratch = {"lr": 1e-3, "start": "none"}
    records = [
        make_record(
            labels=labels,
            predicted=with_hits(hits) * 5,
            seed=seed,
            settings=settings,
            changes=changes,
        )
        for seed in range(3)
        for hits, settings, changes in (
            (16, started, {}),
            (8, {"lr": 1e-3}, scratch),
            (4, {"width": 8, "lr": 1e-3}, {"width": 8, **scratch}),  # another network
        )
    ]
    heading = "### Does pre-training help?"
    text = rendered(records)
    assert column(text, heading, "Difference") == {
        "alpha − alpha (lr = 0.001, start = none)": "+40.00"
    }
    assert heading not in rendered([r for r in records if not r.cell.changes])
