from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from bench.records import CellIdentity
from bench.store import Failure
from tests.bench.boards import LABELS, column, rendered, with_hits

if TYPE_CHECKING:
    from bench.records import Record
    from tests.bench.conftest import MakeRecord


def test_mean_and_sample_deviation_over_seeds(make_record: MakeRecord) -> None:
    records = [
        make_record(seed=seed, labels=LABELS, predicted=with_hits(hits))
        for seed, hits in enumerate((10, 12, 17))
    ]
    text = rendered(records)
    assert column(text, "### EMOPIA", "Accuracy") == {"alpha": "65.00 ± 18.03"}
    assert column(text, "### EMOPIA", "Seeds") == {"alpha": "3"}
    assert column(text, "### EMOPIA", "n") == {"alpha": "20"}


def test_a_deterministic_method_has_one_value(make_record: MakeRecord) -> None:
    record = make_record(deterministic=True, labels=LABELS, predicted=with_hits(10))
    text = rendered([record])
    assert column(text, "### EMOPIA", "Accuracy") == {"alpha": "50.00"}
    assert column(text, "### EMOPIA", "Seeds") == {"alpha": "deterministic"}


def test_methods_stand_by_accuracy_whatever_order_records_come_in(make_record: MakeRecord) -> None:
    records = [
        make_record(method, seed=seed, labels=LABELS, predicted=with_hits(hits + seed))
        for method, hits in (("worst", 4), ("best", 15), ("middle", 9))
        for seed in range(3)
    ]
    text = rendered(records)
    assert list(column(text, "### EMOPIA", "Accuracy")) == ["best", "middle", "worst"]
    for attempt in range(2):
        random.Random(attempt).shuffle(records)  # noqa: S311  # no secret
        assert rendered(records) == text


def test_paper_values_stand_in_columns_of_their_own(make_record: MakeRecord) -> None:
    record = make_record("midibert", labels=LABELS, predicted=with_hits(13))
    text = rendered([record, make_record("mine")])
    assert column(text, "### EMOPIA", "Accuracy")["midibert"] == "65.00"
    paper = column(text, "### EMOPIA", "Paper")
    assert paper["midibert"].startswith("63.41 ± 3.52")
    assert paper["mine"] == "–"
    assert column(text, "### EMOPIA", "Δ") == {"mine": "–", "midibert": "+1.59"}
    assert "over 91 segments of the 88 clips" in text


def test_every_column_is_a_score_of_its_own(make_record: MakeRecord) -> None:
    record = make_record(
        "midibert", labels=[0, 0, 0, 1, 2, 2, 3, 3], predicted=[0, 1, 1, 1, 2, 0, 3, 0]
    )
    text = rendered([record])
    names = ("Accuracy", "Macro-F1", "Valence", "Arousal")
    shown = {name: column(text, "### EMOPIA", name)["midibert"] for name in names}
    # F1 by quadrant: 2/6, 2/4, 2/3 and 2/3.
    f1 = (2 / 6 + 2 / 4 + 2 / 3 + 2 / 3) / 4
    assert shown == {
        "Accuracy": "50.00",
        "Macro-F1": f"{f1:.3f}",
        "Valence": "62.50",
        "Arousal": "75.00",
    }
    beside = column(text, "#### Macro-F1 beside the paper", "Δ")["midibert"]
    assert beside == f"−{0.628 - f1:.3f}"


def test_a_dataset_that_the_paper_lacks_has_no_paper_columns(make_record: MakeRecord) -> None:
    text = rendered([make_record("midibert", dataset="synthetic", suite="smoke")])
    assert "Paper (%)" not in text


@pytest.mark.parametrize(
    "place", [{"dataset": "synthetic", "suite": "smoke"}, {"suite": "theirs"}, {"method": "mine"}]
)
def test_segments_alone_are_set_beside_no_paper(
    make_record: MakeRecord, place: dict[str, str]
) -> None:
    record = make_record(**{"method": "midibert", **place, "segments": [[0, 0, 1], [1], [2], [3]]})
    assert "beside the paper" not in rendered([record])


def test_segments_stand_beside_clips(make_record: MakeRecord) -> None:
    record = make_record("midibert", segments=[[0, 0, 1], [1], [2], [3, 0]])
    text = rendered([record])
    assert column(text, "### EMOPIA", "Accuracy")["midibert"] == "100.00"
    clips, segments = beside_paper(text)
    assert clips.startswith("| midibert | clips | 4 | 100.00 |")
    assert "| 63.41 ± 3.52 <sup>a</sup> |" in clips
    assert segments.startswith("| midibert | segments | 7 | 71.43 |")  # 5 of 7
    assert "| 63.41 ± 3.52 <sup>a</sup> |" in segments
    assert "<sup>a</sup> over 91 segments" in text
    assert "| +8.02 |" in segments
    whole = make_record("midibert", segments=[[0, 0, 1], [1], [2], [3] * 86])
    clips, segments = beside_paper(rendered([whole]))
    assert "| 63.41 ± 3.52 <sup>a</sup> |" in clips
    assert "| 63.41 ± 3.52 |" in segments


def test_segments_of_a_method_that_the_paper_lacks_stand_there_too(make_record: MakeRecord) -> None:
    mine = make_record("mine", segments=[[0, 0, 1], [1], [2], [3, 0]])
    (segments,) = beside_paper(rendered([make_record("midibert"), mine]), "mine")
    assert segments.startswith("| mine | segments | 7 | 71.43 |")


def beside_paper(text: str, method: str = "midibert") -> list[str]:
    table = text.partition("#### Accuracy beside the paper")[2].partition("####")[0]
    return [line for line in table.splitlines() if line.startswith(f"| {method} ")]


@pytest.mark.parametrize(("hits", "inside"), [(12, "yes"), (20, "no")])
def test_a_published_value_lies_inside_our_interval_or_not(
    make_record: MakeRecord, hits: int, inside: str
) -> None:
    records = [
        make_record("midigpt", seed=seed, labels=LABELS, predicted=with_hits(hits))
        for seed in range(3)
    ]
    text = rendered(records)
    assert column(text, "#### Accuracy beside the paper", "Inside?") == {"midigpt": inside}


def test_runs_alone_are_tested_against_the_papers(make_record: MakeRecord) -> None:
    labels = LABELS * 4 + [0] * 8  # as many as the paper's clips
    records = [
        make_record("midigpt", seed=seed, labels=labels, predicted=with_hits(hits) * 4 + [1] * 8)
        for seed, hits in enumerate((12, 13, 14))
    ]
    accuracies = [4 * hits / 88 for hits in (12, 13, 14)]
    expected = stats.ttest_ind_from_stats(
        np.mean(accuracies), np.std(accuracies, ddof=1), 3, 0.5875, 0.0313, 10, equal_var=False
    )
    p = column(rendered(records), "#### Accuracy beside the paper", "p (runs)")["midigpt"]
    assert float(p) == pytest.approx(expected.pvalue, abs=5e-4)
    fewer = [make_record("midigpt", seed=seed, labels=LABELS, predicted=LABELS) for seed in (0, 1)]
    assert column(rendered(fewer), "#### Accuracy beside the paper", "p (runs)") == {"midigpt": "–"}


def test_methods_that_cannot_be_told_apart_share_a_rank(make_record: MakeRecord) -> None:
    labels = LABELS * 4
    records = [
        make_record(method, seed=seed, labels=labels, predicted=predicted)
        for seed in range(2)
        for method, predicted in (
            ("good", with_hits(18) * 4),
            ("as-good", [0, 0, *LABELS[2:-1], 0] * 4),  # misses others than "good"
            ("bad", with_hits(2) * 4),
        )
    ]
    text = rendered([*records, make_record("once", labels=labels, predicted=labels)])
    assert column(text, "### EMOPIA", "Rank") == {
        "once": "no test",
        "good": "1 a",
        "as-good": "1 a",
        "bad": "3 b",
    }


def test_a_row_of_other_clips_takes_no_ones_rank(make_record: MakeRecord) -> None:
    labels = LABELS * 4
    records = [
        make_record(method, seed=seed, labels=labels, predicted=with_hits(hits) * 4)
        for seed in range(2)
        for method, hits in (("good", 18), ("bad", 2))
    ]
    records += [
        make_record("best", seed=s, labels=labels[::-1], predicted=labels[::-1]) for s in (0, 1)
    ]
    found = column(rendered(records), "### EMOPIA", "Rank")
    assert (found["good"], found["bad"]) == ("1 a", "2 b")
    assert found["best"] not in ("1 a", "1")


def test_songs_decide_how_sure_one_can_be(make_record: MakeRecord) -> None:
    records = [make_record(seed=seed, labels=LABELS, predicted=with_hits(10)) for seed in range(2)]

    def width(songs: dict[str, str]) -> float:
        text = rendered(records, songs={"emopia": songs})
        low, high = column(text, "### EMOPIA", "95 % interval")["alpha"].split(" to ")
        return float(high) - float(low)

    assert width({f"clip-{i}": str(i // 5) for i in range(20)}) > 1.3 * width({})


def test_the_ablation_stands_beside_table_3(make_record: MakeRecord) -> None:
    records = [
        make_record("midibert", labels=LABELS, predicted=with_hits(10)),
        make_record("midibert", changes={"tasks": ["key"]}, labels=LABELS, predicted=with_hits(12)),
        make_record(
            "mt-midibert",
            settings={"tasks": ["key", "velocity"]},
            labels=LABELS,
            predicted=with_hits(14),
        ),
    ]
    text = rendered(records)
    heading = "#### Auxiliary tasks of midibert"
    assert list(column(text, heading, "Gain").items()) == [
        ("none", "–"),
        ("key", "+10.00"),
        ("velocity", "–"),
        ("key + velocity", "+20.00"),
    ]
    assert column(text, heading, "Paper, Table 3")["velocity"].startswith("64.73 ± 5.47")
    assert "#### Variants" not in text  # it stands in the grid


def test_a_strangers_suite_is_not_set_beside_table_3(make_record: MakeRecord) -> None:
    def records(*sets: list[str]) -> list[Record]:
        return [
            make_record("midibert", suite="theirs", changes={"tasks": tasks} if tasks else {})
            for tasks in sets
        ]

    heading = "#### Auxiliary tasks of midibert"
    text = rendered(records([], ["key"], ["pitch"]))
    for name in ("Paper, Table 3", "Δ"):
        assert column(text, heading, name) == {"none": "–", "key": "–", "pitch": "–"}
    assert heading not in rendered(records([], ["key"]))  # too few where there is no Table 3


def test_a_strangers_method_takes_no_row_of_an_ablation(make_record: MakeRecord) -> None:
    records = [
        make_record("midibert", labels=LABELS, predicted=with_hits(10)),
        make_record("zz-midibert", labels=LABELS, predicted=with_hits(18)),
        make_record("midibert", changes={"tasks": ["key"]}, labels=LABELS, predicted=with_hits(12)),
    ]
    more = {"settings": {"tasks": ["key", "velocity"]}, "labels": LABELS, "predicted": LABELS}
    records.append(make_record("their-own-midibert", **more))
    heading = "#### Auxiliary tasks of midibert"
    accuracies = column(rendered(records), heading, "Accuracy")
    assert accuracies["none"] == "50.00"
    assert accuracies["key"] == "60.00"
    assert accuracies["key + velocity"] == "–"


def test_the_ablations_gain_is_over_common_seeds(make_record: MakeRecord) -> None:
    key = {"tasks": ["key"]}
    records = [
        make_record("midibert", labels=LABELS, predicted=with_hits(14)),
        make_record("midibert", seed=1, labels=LABELS, predicted=with_hits(6)),
        make_record("midibert", changes=key, labels=LABELS, predicted=with_hits(12)),
    ]
    heading = "#### Auxiliary tasks of midibert"
    assert column(rendered(records), heading, "Gain")["key"] == "−10.00"
    other = make_record("midibert", seed=2, changes=key, labels=LABELS, predicted=with_hits(12))
    text = rendered([*records[:2], other])
    assert column(text, heading, "Gain")["key"] == "–"


def test_changed_settings_stand_in_a_table_of_their_own(make_record: MakeRecord) -> None:
    records = [
        make_record(),
        make_record(changes={"epochs": 3}, labels=LABELS, predicted=with_hits(5)),
    ]
    text = rendered(records)
    assert column(text, "### EMOPIA", "Accuracy") == {"alpha": "100.00"}
    assert column(text, "#### Variants", "Changed") == {"alpha": "epochs = 3"}


def test_confusions_are_shares_of_the_true_quadrant(make_record: MakeRecord) -> None:
    records = [
        make_record(seed=0, labels=[0, 0, 1, 2], predicted=[0, 1, 1, 2]),
        make_record(seed=1, labels=[0, 0, 1, 2], predicted=[0, 0, 1, 0]),
    ]
    text = rendered(records)
    assert "**alpha**" in text
    assert "| Q1 | 75 | 25 | 0 | 0 |" in text
    assert "| Q3 | 50 | 0 | 50 | 0 |" in text
    assert "| Q4 | – | – | – | – |" in text


def test_what_is_unfinished_shows(make_record: MakeRecord) -> None:
    expected = [
        CellIdentity(suite, dataset, method, seed)
        for suite, dataset in (("lite", "emopia"), ("lite", "vgmidi"), ("paper", "emopia"))
        for method in ("alpha", "beta")
        for seed in range(4)
    ]
    text = rendered([make_record(seed=1), make_record(seed=3)], expected=expected)
    assert column(text, "### EMOPIA 1.0", "Seeds") == {"alpha": "2 of 4", "beta": "0 of 4"}
    assert "### VGMIDI\n\nNo records yet." in text
    assert text.index("## Suite paper\n\n### EMOPIA\n\nNo records yet.") < text.index(
        "## Suite lite"
    )


def test_seeds_that_no_one_asked_for_are_told_apart(make_record: MakeRecord) -> None:
    asked = [CellIdentity("lite", "emopia", "alpha", seed) for seed in range(4)]
    records = [make_record(seed=seed) for seed in (1, 57, 103)]
    text = rendered(records, expected=asked)
    assert column(text, "### EMOPIA 1.0", "Seeds") == {"alpha": "1 of 4, 2 beyond"}


def test_a_foreign_suites_settings_are_told_and_its_rows_not_set_beside_the_paper(
    make_record: MakeRecord,
) -> None:
    records = [
        make_record("svm-lin", suite=suite, settings={"dimensions": 20})
        for suite in ("lite", "mine")
    ]
    ours, theirs = rendered(records).split("## Suite mine")
    assert "47.72" in ours
    assert "dimensions" not in ours
    assert "47.72" not in theirs
    assert column(theirs, "#### Settings", "Settings") == {"svm-lin": "dimensions = 20"}


def test_suites_stand_apart_the_papers_first_and_smoke_last(make_record: MakeRecord) -> None:
    records = [make_record(suite=suite) for suite in ("smoke", "mine", "lite", "paper")]
    text = rendered(records)
    order = [text.index(f"## Suite {suite}") for suite in ("paper", "lite", "mine", "smoke")]
    assert order == sorted(order)


def test_failed_cells_are_listed_with_their_reason(make_record: MakeRecord) -> None:
    failures = [
        Failure("k", CellIdentity("lite", "emopia", "beta", seed), reason, "a log")
        for seed, reason in ((3, "out of <memory>"), (12, "out of <memory>"), (4, "too slow"))
    ]
    text = rendered([make_record()], failures).partition("## Failed cells")[2]
    assert "| beta | 3, 12 | lite | EMOPIA | out of &lt;memory&gt; |" in text
    assert "| beta | 4 | lite | EMOPIA | too slow |" in text


def test_hostile_names_do_not_script(make_record: MakeRecord) -> None:
    name = "<img src=x onerror=alert(1)>|`x`\n# [h](javascript:x)"
    record = make_record(name, suite=name, dataset=name, details={"note": name})
    text = rendered([record], [Failure("k", record.cell, name, name)])
    assert "<img" not in text
    assert "\n# [h]" not in text
    assert "[h](" not in text.replace(r"\[h\](", "")


def test_what_others_published_is_marked(make_record: MakeRecord) -> None:
    text = rendered([make_record()]).partition("## Published elsewhere")[2]
    for words in ("MoFi", "unverified: its protocol", "no: 109 segments", "yes: EMOPIA 2.2"):
        assert words in text


def test_what_may_have_seen_test_clips_is_marked(make_record: MakeRecord) -> None:
    def made(method: str, exposure: str, **about: Any) -> Record:
        start = {"sha256": method, "exposure": exposure}
        return make_record(method, details={"start": start}, **about)

    seen = [made("alpha", "transductive"), made("alpha", "transductive", changes={"lr": 1})]
    unseen = [made("beta", "inductive"), made("beta", "inductive", changes={"lr": 1})]
    lines = rendered([*seen, *unseen]).splitlines()
    note = "transductive: the weights it began with may have seen valid or test clips"
    assert lines.count(f"<sup>a</sup> {note}") == 2  # below the board, and below the variants
    assert sum(line.startswith("| alpha <sup>a</sup>") for line in lines) == 2
    assert not any(line.startswith("| beta <sup>") for line in lines)
    with_a_word = made("alpha", "transductive")
    with_a_word.details["note"] = "provisional"
    assert f"provisional; {note}" in rendered([with_a_word])


def test_a_note_that_is_null_is_none(make_record: MakeRecord) -> None:
    assert rendered([make_record(details={"note": None})]) == rendered([make_record()])


def test_a_board_without_records_is_still_a_board() -> None:
    text = rendered([])
    assert "from 0 records" in text
    assert text.endswith("\n")
