from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from genuine import flipped, genuine, put, smoke_cell, with_predictions
from verified import notes, problems

from bench.errors import UserError
from bench.records import (
    CellIdentity,
    DatasetUsed,
    MethodUsed,
    Prediction,
    Provenance,
    Record,
    content_digest,
    contradictions,
    decode_record,
    encode_record,
    sealed,
)
from bench.scoring import Scores
from bench.store import Failure, read_record
from bench.verification import verify
from bench.verification.rerun import compare

if TYPE_CHECKING:
    from collections.abc import Callable

replace = msgspec.structs.replace

KEY_MODE = genuine(smoke_cell("key-mode"))
MIDIBERT = genuine(smoke_cell("midibert", 1), segments=True)


def edited(record: Record, edit: Callable[[dict[str, Any]], object]) -> Record:
    """The record after an edit of its JSON."""
    content = json.loads(encode_record(record))
    edit(content)
    return msgspec.convert(content, Record)


def test_nothing_is_wrong_with_what_a_run_writes(tmp_path: Path) -> None:
    cells = [
        *(smoke_cell("midibert", seed) for seed in (0, 1)),
        smoke_cell("midibert", 0, epochs=3, tasks=["key"]),
        smoke_cell("majority"),
    ]
    files = [put(tmp_path, genuine(cell)) for cell in cells]
    found = verify([*files, put(tmp_path, genuine(smoke_cell("mt-midibert")))])
    assert len(found.records) == 5
    assert not any(found.remarks.values())


# What a submission can be tampered with.


def test_a_changed_accuracy_is_named(tmp_path: Path) -> None:
    better = replace(KEY_MODE, scores=replace(KEY_MODE.scores, accuracy=0.99))
    (problem,) = problems(put(tmp_path, better))
    assert problem.startswith("clip-level accuracy is 0.99, but its predictions give 0.")


def test_every_score_that_does_not_follow_is_named(tmp_path: Path) -> None:
    assert MIDIBERT.segment_scores is not None
    forged = replace(
        MIDIBERT,
        scores=replace(MIDIBERT.scores, accuracy=1.0, macro_f1=1.0),
        segment_scores=replace(MIDIBERT.segment_scores, n=3),
    )
    found = problems(put(tmp_path, forged))
    assert [problem.partition(" is ")[0] for problem in found] == [
        "clip-level accuracy",
        "clip-level macro_f1",
        "segment-level n",
    ]


def test_a_flipped_prediction_contradicts_the_scores(tmp_path: Path) -> None:
    flip = replace(flipped(KEY_MODE), scores=KEY_MODE.scores)
    found = problems(put(tmp_path, flip))
    assert any("confusion" in problem for problem in found)


def test_a_flipped_prediction_with_its_scores_contradicts_the_digest(tmp_path: Path) -> None:
    flip = replace(flipped(KEY_MODE), digest=sealed(KEY_MODE).digest)
    assert problems(put(tmp_path, flip, seal=False)) == [
        "its digest is not that of its content: it was changed after it was written"
    ]


def test_a_flipped_prediction_contradicts_its_segments(tmp_path: Path) -> None:
    (problem,) = problems(put(tmp_path, flipped(MIDIBERT)))
    assert problem.startswith("probabilities that are not the mean of the segments'")
    assert MIDIBERT.predictions[0].clip in problem


def test_the_mean_of_segments_is_exact_but_for_rounding(tmp_path: Path) -> None:
    first, *others = MIDIBERT.predictions
    second, largest = np.argsort(first.p)[-2:]
    for moved, wrong in ((0.0001, False), (0.002, True)):
        p = list(first.p)
        p[largest] += moved
        p[second] -= moved
        found = problems(put(tmp_path, with_predictions(MIDIBERT, [replace(first, p=p), *others])))
        assert any("not the mean of the segments'" in problem for problem in found) == wrong


def test_a_flipped_prediction_with_scores_and_digest_is_for_a_rerun(tmp_path: Path) -> None:
    flip = flipped(KEY_MODE)
    assert not problems(put(tmp_path, flip))
    (remark,) = compare(flip, KEY_MODE)
    assert remark.wrong
    assert KEY_MODE.predictions[0].clip in remark.text


@pytest.mark.parametrize("field", ["details", "provenance", "method"])
def test_any_careless_edit_contradicts_the_digest(tmp_path: Path, field: str) -> None:
    content = json.loads(encode_record(sealed(MIDIBERT)))
    content[field]["note" if field == "details" else next(iter(content[field]))] = "x"
    path = put(tmp_path, MIDIBERT)
    path.write_text(json.dumps(content))
    assert any("its digest" in problem for problem in problems(path))


def test_layout_and_order_are_no_content() -> None:
    data = encode_record(sealed(MIDIBERT))
    turned = json.dumps(dict(reversed(json.loads(data).items())), indent=3).encode()
    assert decode_record(turned, name="r") == decode_record(data, name="r") == sealed(MIDIBERT)
    assert content_digest(MIDIBERT) == content_digest(sealed(MIDIBERT)) == sealed(MIDIBERT).digest


def test_an_older_record_without_digest_counts_and_is_said_to_be_one(tmp_path: Path) -> None:
    path = put(tmp_path, KEY_MODE, seal=False)
    assert "digest" not in json.loads(path.read_bytes())
    assert not problems(path)
    assert any(note.startswith("no digest") for note in notes(path))


def test_missing_extra_doubled_and_relabelled_clips_are_named(tmp_path: Path) -> None:
    first, second, third, *others = KEY_MODE.predictions
    relabelled = replace(second, label=(second.label + 1) % 4)
    other = replace(others[0], clip="<b>mine</b>")
    forged = with_predictions(KEY_MODE, [relabelled, third, third, other, *others])
    path = put(tmp_path, forged)
    missing, extra, twice, wrong = problems(path)
    assert missing == f"test clips of synthetic that are missing: {first.clip}"
    assert extra == "clips that are not test clips of synthetic: <b>mine</b>"
    assert twice == f"clips that occur twice: {third.clip}"
    assert wrong.startswith(f"relabelled: {second.clip} is Q")


def test_another_order_of_clips_is_named(tmp_path: Path) -> None:
    turned = with_predictions(KEY_MODE, KEY_MODE.predictions[::-1])
    assert problems(put(tmp_path, turned)) == [
        "its clips are not in the order of synthetic's manifest"
    ]


def test_a_copy_under_another_seed_is_caught_however_far_it_is_adapted(tmp_path: Path) -> None:
    original = put(tmp_path, MIDIBERT)
    copied = put(tmp_path, MIDIBERT, at="smoke/synthetic/midibert/seed-0.json")
    place = "its place should be smoke/synthetic/midibert/seed-1.json"
    assert place in problems(copied)
    assert f"the same cell as {original}" in problems(original, copied)

    reseeded = replace(MIDIBERT, cell=smoke_cell("midibert", 0).identity)
    copied = put(tmp_path, reseeded)
    assert any(problem.startswith(f"its key {MIDIBERT.key!r}") for problem in problems(copied))
    assert f"the same key as {original}" in problems(original, copied)

    copied = put(tmp_path, replace(reseeded, key=smoke_cell("midibert", 0).key))
    (problem,) = problems(original, copied)
    assert problem.startswith(f"the same predictions as {original} of another seed")


def test_one_answer_for_all_clips_may_come_from_every_seed(tmp_path: Path) -> None:
    files = []
    for seed in (0, 1):
        record = genuine(smoke_cell("midibert", seed))
        same = [replace(said, p=[0.25] * 4) for said in record.predictions]
        files.append(put(tmp_path, with_predictions(record, same)))
    assert problems(*files) == []
    assert any("the same predictions" in said for said in notes(*files))


def _shift(content: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for name in parents:
        content = content[name]
    content[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("protocol", 0, "measured by protocol 0"),
        ("key", "0" * 24, "its key '000000000000000000000000' does not follow"),
        ("cell.seed", 0, "does not follow"),
        ("cell.method", "mt-midibert", "its cell names the method 'mt-midibert'"),
        ("cell.dataset", "emopia", "its cell names the dataset 'emopia'"),
        ("cell.dataset", "emopia", "suite smoke has no dataset emopia"),
        ("cell.changes", {"width": 32}, "with these changes it is the cell smoke/synthetic/midi"),
        ("cell.changes", {"width": 64}, "width is 32, not 64"),
        ("dataset.digest", "f" * 64, "measured on another manifest of synthetic: ffffffffffff"),
        ("dataset.version", "9", "synthetic 9, but this manifest"),
        ("dataset.n_train", 4000, "4000 train clips, but synthetic has 144"),
        ("dataset.n_train", 3, "3 train clips, but synthetic has 144"),
        ("method.version", 99, "run with version 99 of midibert"),
        ("method.encoding", "", "run with encoding '' of midibert"),
        ("method.deterministic", True, "seed 1 of a method that ignores it"),
        ("method.deterministic", True, "run with deterministic True of midibert"),
        ("method.settings.width", 768, "not those of suite smoke: width is 768, not 32"),
        ("method.settings.lr", 1e-5, "does not follow"),
        ("provenance.device", "", "has no device"),
        ("provenance.libraries", {}, "has no libraries"),
        ("provenance.revision", "HEAD; rm -rf /", "revision is not a commit: 'HEAD; rm -rf /'"),
        ("provenance.finished", "yesterday", "'yesterday', which is not a time"),
        ("provenance.finished", "2026-01-01T00:00:00", "has no time zone"),
        ("provenance.finished", "2999-01-01T00:00:00+00:00", "in the future"),
        ("provenance.wall_seconds", -1.0, "an impossible cost"),
        ("provenance.cpu_seconds", -1.0, "an impossible cost"),
        ("provenance.peak_memory_mb", -1.0, "an impossible cost"),
        ("provenance.peak_memory_mb", 0.0, "an impossible cost"),
    ],
)
def test_what_a_record_says_of_itself_is_looked_up(
    tmp_path: Path, path: str, value: object, message: str
) -> None:
    forged = edited(MIDIBERT, lambda content: _shift(content, path, value))
    found = problems(put(tmp_path, forged))
    assert any(message in problem for problem in found), found


def test_probabilities_are_probabilities(tmp_path: Path) -> None:
    first, *others = KEY_MODE.predictions
    for p in (
        [0.5, 0.5, 0.5, 0.5],
        [0.26, 0.25, 0.25, 0.25],
        [0.24, 0.25, 0.25, 0.25],
        [1.2, -0.2, 0.0, 0.0],
        [1e308] * 4,
    ):
        forged = with_predictions(KEY_MODE, [replace(first, p=p), *others])
        path = put(tmp_path, forged)
        assert any("rows are not probabilities" in problem for problem in problems(path))
        with pytest.raises(UserError, match="rows are not probabilities"):
            read_record(path)


@pytest.mark.parametrize("threads", [8, 0])
def test_the_number_of_threads_is_the_suite_s(tmp_path: Path, threads: int) -> None:
    fast = genuine(dataclasses.replace(smoke_cell("midibert"), threads=threads))
    assert problems(put(tmp_path, fast)) == [f"run with {threads} threads; suite smoke says 1"]


def test_a_setting_too_many_too_few_or_of_another_type_is_named_though_the_key_fits(
    tmp_path: Path,
) -> None:
    cell = smoke_cell("midibert", 1)
    epochs = cell.settings["epochs"]
    fewer = {name: value for name, value in cell.settings.items() if name != "epochs"}
    for settings, message in (
        ({**cell.settings, "weight_decay": 0.5}, "weight_decay is 0.5, "),
        ({**cell.settings, "weight_decay": None}, "weight_decay is None, "),
        ({**cell.settings, "epochs": float(epochs)}, f"epochs is {epochs}.0, not {epochs}"),
        (fewer, f"epochs is left out, not {epochs}"),
    ):
        (problem,) = problems(put(tmp_path, genuine(dataclasses.replace(cell, settings=settings))))
        assert message in problem


@pytest.mark.parametrize(("hours", "wrong"), [(12, False), (72, True)])
def test_clocks_may_differ_by_a_day(tmp_path: Path, hours: int, wrong: bool) -> None:
    finished = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    record = replace(KEY_MODE, provenance=replace(KEY_MODE.provenance, finished=finished))
    found = problems(put(tmp_path, record))
    assert any("which is in the future" in problem for problem in found) == wrong


def test_a_name_that_stands_twice_is_told(tmp_path: Path) -> None:
    path = put(tmp_path, KEY_MODE)
    path.write_text(path.read_text().replace('"protocol": 1', '"protocol": 7,\n "protocol": 1'))
    (problem,) = problems(path)
    assert problem.startswith("'protocol' occurs twice")


def test_a_foreign_suite_s_record_is_checked_as_far_as_possible(tmp_path: Path) -> None:
    record = genuine(dataclasses.replace(smoke_cell("midibert"), threads=3))
    foreign = replace(record, cell=replace(record.cell, suite="mine"))
    path = put(tmp_path, foreign)
    assert not problems(path)
    assert [n for n in notes(path) if "suite mine does not come with this package" in n]
    assert problems(put(tmp_path, replace(foreign, key="0" * 24)))
    short = with_predictions(foreign, foreign.predictions[1:])
    assert any("missing" in problem for problem in problems(put(tmp_path, short)))


def test_unknown_methods_and_datasets_are_said_to_be_unchecked(tmp_path: Path) -> None:
    record = replace(
        KEY_MODE,
        cell=CellIdentity("mine", "my-songs", "my-method", 0),
        dataset=replace(KEY_MODE.dataset, name="my-songs"),
        method=replace(KEY_MODE.method, name="my-method"),
    )
    told = " ".join(notes(put(tmp_path, record)))
    for words in ("dataset my-songs is not", "method my-method is not", "suite mine does not"):
        assert words in told


def test_dirty_trees_and_strange_seeds_are_worth_a_note(tmp_path: Path) -> None:
    record = genuine(smoke_cell("midibert", 2))
    dirty = replace(record, provenance=replace(record.provenance, dirty=True, revision=""))
    path = put(tmp_path, dirty)
    assert not problems(path)
    told = " ".join(notes(path))
    for words in ("uncommitted changes", "no git revision", "beyond those of suite smoke, 0 to 1"):
        assert words in told


def test_the_documentation_tells_of_every_field() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "records.md").read_text(encoding="utf-8")
    parts = (Record, CellIdentity, DatasetUsed, MethodUsed, Prediction, Provenance, Scores, Failure)
    named = {field for part in parts for field in part.__struct_fields__}
    assert not {field for field in named if f"`{field}`" not in page}


def test_a_record_s_contradictions_are_all_told() -> None:
    data = encode_record(KEY_MODE)
    assert not list(contradictions(KEY_MODE, data))
    assert list(contradictions(replace(KEY_MODE, predictions=[]), data)) == ["holds no predictions"]


def test_a_score_that_is_a_little_off_is_wrong(tmp_path: Path) -> None:
    scores = msgspec.structs.replace(MIDIBERT.scores, accuracy=MIDIBERT.scores.accuracy + 1e-6)
    found = problems(put(tmp_path, msgspec.structs.replace(MIDIBERT, scores=scores)))
    assert any(problem.startswith("clip-level accuracy") for problem in found)


def test_the_projects_own_records_are_those_of_this_code() -> None:
    """So manifests, keys and shipped starts cannot change without their records."""
    files = sorted((Path(__file__).parents[2] / "results").glob("*/*/*/seed-0.json"))
    assert len(files) > 10
    assert problems(*files) == []
