"""Which records stand on a board, and which are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.records import PROTOCOL
from tests.bench.boards import column, rendered

if TYPE_CHECKING:
    from tests.bench.conftest import MakeRecord


def test_records_that_do_not_belong_together_never_meet(make_record: MakeRecord) -> None:
    late = "2027-01-01T00:00:00+00:00"
    old = [
        *(make_record("older-rules", seed=seed, protocol=PROTOCOL + 1) for seed in (0, 1)),
        make_record("other-data", digest="d0"),
        make_record("beta", seed=1, settings={"lr": 1}, predicted=(0, 0, 0, 0)),
    ]
    new = [
        make_record("alpha", finished=late),
        make_record("beta", settings={"lr": 2}, finished=late),
    ]
    text = rendered([*old, *new])
    assert column(text, "### EMOPIA", "Accuracy") == {"alpha": "100.00", "beta": "100.00"}
    assert "from 2 records" in text
    left_out = text.partition("## Left out")[2]
    place = "lite | EMOPIA"
    assert f"| older-rules | 0, 1 | {place} | measured by protocol {PROTOCOL + 1}" in left_out
    assert f"| other-data | 0 | {place} | measured on another manifest of emopia" in left_out
    assert f"| beta | 1 | {place} | other settings or version of beta than" in left_out


def test_what_the_suites_ask_for_now_counts_before_what_was_finished_last(
    make_record: MakeRecord,
) -> None:
    late = "2027-01-01T00:00:00+00:00"
    right = [make_record(seed=seed, settings={"lr": 1}) for seed in (0, 1)]
    other = make_record(seed=2, settings={"lr": 2}, predicted=(0, 0, 0, 0), finished=late)
    of_other_data = make_record("beta", digest="d0", finished=late)
    records = [*right, other, of_other_data]
    for current, shown in (({r.key for r in right}, {"alpha": "2"}), ((), {"beta": "1"})):
        assert column(rendered(records, current=current), "### EMOPIA", "Seeds") == shown


def test_a_methods_highest_version_counts_before_what_was_finished_last(
    make_record: MakeRecord,
) -> None:
    old = make_record(predicted=(0, 0, 0, 0), finished="2027-01-01T00:00:00+00:00")
    new = make_record(seed=1)
    new = msgspec.structs.replace(new, method=msgspec.structs.replace(new.method, version=2))
    assert column(rendered([old, new]), "### EMOPIA", "Accuracy") == {"alpha": "100.00"}


def test_seeds_that_began_from_other_weights_are_not_averaged(make_record: MakeRecord) -> None:
    records = [
        make_record(
            seed=seed,
            settings={"start": "mine.safetensors"},
            details={"start": {"sha256": digest}},
            finished=f"2027-01-0{day}T00:00:00+00:00",
        )
        for seed, digest, day in ((0, "old", 1), (1, "new", 2), (2, "new", 3))
    ]
    text = rendered(records)
    assert column(text, "### EMOPIA", "Seeds") == {"alpha": "2"}
    assert "| alpha | 0 | lite | EMOPIA | another start of alpha" in text
