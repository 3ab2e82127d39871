"""Which records make a row, which rows are compared, and which clips are of one song."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.records import CellIdentity
from tests.bench.boards import LABELS, column, rendered, with_hits

if TYPE_CHECKING:
    from bench.records import Record
    from tests.bench.conftest import MakeRecord

TASKS = "### Do auxiliary tasks help?"
ABLATION = "#### Auxiliary tasks of midibert"
INTERVAL = "95 % interval"


@pytest.mark.parametrize("encoding", ["one", "another"])
def test_what_reads_another_encoding_differs_in_more_than_tasks(
    make_record: MakeRecord, encoding: str
) -> None:
    single = make_record("alpha", encoding="one")
    multiple = make_record("mt-alpha", encoding=encoding, settings={"tasks": ["key"]})
    assert (TASKS in rendered([single, multiple])) == (encoding == "one")


def test_a_deterministic_method_whose_seeds_differ_is_none(make_record: MakeRecord) -> None:
    records = [
        make_record(seed=seed, deterministic=True, labels=LABELS, predicted=with_hits(hits))
        for seed, hits in enumerate((10, 12, 17))
    ]
    text = rendered(records)
    assert column(text, "### EMOPIA", "Seeds") == {"alpha": "3"}
    assert column(text, "### EMOPIA", "Accuracy") == {"alpha": "65.00 ± 18.03"}


def test_a_row_is_scored_over_segments_if_all_its_seeds_are(make_record: MakeRecord) -> None:
    with_segments = make_record("midibert", segments=[[0, 0, 1], [1], [2], [3, 0]])
    without = make_record("midibert", seed=1)
    for records, n_rows in (([with_segments], 2), ([with_segments, without], 1)):
        text = rendered(records).partition("#### Accuracy beside the paper")[2].partition("###")[0]
        assert text.count("| midibert |") == n_rows


def test_of_two_records_of_a_cell_the_later_counts(make_record: MakeRecord) -> None:
    first, last = (
        make_record(
            labels=LABELS, predicted=with_hits(hits), finished=f"2026-01-0{day}T00:00:00+00:00"
        )
        for hits, day in ((18, 1), (5, 2))
    )
    for records in ([first, last], [last, first]):
        text = rendered(records)
        assert column(text, "### EMOPIA", "Accuracy") == {"alpha": "25.00"}
        assert "| there is a later record of the same cell |" in text


def test_a_gain_over_a_deterministic_method_is_over_all_seeds(make_record: MakeRecord) -> None:
    key = {"tasks": ["key"]}
    records = [make_record("midibert", deterministic=True, labels=LABELS, predicted=with_hits(8))]
    records += [
        make_record("midibert", seed=seed, changes=key, labels=LABELS, predicted=with_hits(hits))
        for seed, hits in ((1, 9), (2, 11))
    ]
    assert column(rendered(records), ABLATION, "Gain")["key"] == "+10.00"


def test_a_variant_is_to_have_as_many_seeds_as_its_method(make_record: MakeRecord) -> None:
    asked = [CellIdentity("lite", "emopia", "alpha", seed) for seed in range(4)]
    records = [make_record(seed=seed, changes={"lr": 1}) for seed in (1, 3)]
    text = rendered(records, expected=asked)
    assert column(text, "#### Variants", "Seeds") == {"alpha": "2 of 4"}


@pytest.mark.parametrize(("told", "valid"), [((0, 1), "+20.00"), ((0,), "–")])
def test_validation_clips_are_asked_over_all_the_seeds_that_are_compared(
    make_record: MakeRecord, told: tuple[int, ...], valid: str
) -> None:
    records = [
        make_record(
            method,
            seed=seed,
            settings=settings,
            details={"best_epoch": 1, "history": [{"valid_accuracy": accuracy}]}
            if seed in told
            else {},
        )
        for seed in (0, 1)
        for method, settings, accuracy in (
            ("alpha", {}, 0.5),
            ("mt-alpha", {"tasks": ["key"]}, 0.7),
        )
    ]
    assert column(rendered(records), TASKS, "Valid") == {"mt-alpha − alpha": valid}


def half_right(make_record: MakeRecord, dataset: str = "emopia") -> list[Record]:
    return [
        make_record(dataset=dataset, seed=seed, labels=LABELS, predicted=with_hits(10))
        for seed in (0, 1)
    ]


def test_a_clip_without_a_song_is_not_of_the_song_of_its_name(make_record: MakeRecord) -> None:
    def interval(song: str) -> str:
        songs = {f"clip-{i}": song for i in range(10)}  # all that are right
        text = rendered(half_right(make_record), songs={"emopia": songs})
        return column(text, "### EMOPIA", INTERVAL)["alpha"]

    assert interval("clip-19") == interval("a song")


def test_clips_of_one_name_are_of_the_songs_of_their_dataset(make_record: MakeRecord) -> None:
    emopia, vgmidi = (half_right(make_record, dataset) for dataset in ("emopia", "vgmidi"))
    songs = {"emopia": {f"clip-{i}": str(i // 5) for i in range(20)}, "vgmidi": {}}
    together = rendered([*emopia, *vgmidi], songs=songs)
    shown = [column(together, f"### {name}", INTERVAL)["alpha"] for name in ("EMOPIA", "VGMIDI")]
    assert shown[0] != shown[1]
    assert column(rendered(vgmidi, songs=songs), "### VGMIDI", INTERVAL)["alpha"] == shown[1]


def test_segments_of_a_clip_are_of_its_song(make_record: MakeRecord) -> None:
    answers = with_hits(10)
    records = [
        make_record(
            "midibert",
            seed=seed,
            labels=LABELS,
            predicted=answers,
            segments=[[answer] * 5 for answer in answers],
        )
        for seed in (0, 1)
    ]
    text = rendered(records, songs={"emopia": {f"clip-{i}": str(i // 2) for i in range(20)}})
    text = text.partition("#### Accuracy beside the paper")[2].partition("###")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if "midibert" in line]
    (clips, segments) = rows
    assert (clips[1], segments[1]) == ("clips", "segments")
    assert clips[4] == segments[4]  # five that say the same count once
