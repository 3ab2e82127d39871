from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import strange
from cells_to_run import strange_cell

from bench.cells import plan
from bench.datasets import load_dataset
from bench.errors import UserError, WorkError
from bench.execution import check_settings, run_cell
from bench.methods import silent
from bench.records import decode_record, encode_record
from bench.suites import load_suite


def test_a_cell_becomes_a_record_that_holds_against_itself() -> None:
    cell = strange_cell("Uniform", seed=3)
    record = run_cell(cell, silent)
    test = load_dataset("synthetic").test
    assert [p.clip for p in record.predictions] == [clip.id for clip in test]
    assert [p.label for p in record.predictions] == [clip.label for clip in test]
    assert (record.key, record.cell) == (cell.key, cell.identity)
    assert record.segment_scores is None
    assert decode_record(encode_record(record), name="it") == record


def test_a_method_learns_from_train_and_valid_and_nothing_else() -> None:
    data = load_dataset("synthetic")
    assert run_cell(strange_cell("TellsClips"), silent).details == {
        "train": [clip.id for clip in data.train],
        "valid": [clip.id for clip in data.valid],
    }


def test_the_same_seed_gives_the_same_predictions() -> None:
    first, again, other = (
        run_cell(strange_cell("Uniform", seed), silent).predictions for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_segments_are_kept_and_their_mean_is_the_clip_s() -> None:
    record = run_cell(strange_cell("Segmented"), silent)
    assert record.segment_scores is not None
    assert record.segment_scores.n == 3 * record.scores.n
    assert record.details == {"n_parameters": 0}
    for prediction in record.predictions:
        assert prediction.segments is not None
        for k in range(4):
            mean = sum(row[k] for row in prediction.segments) / 3
            assert prediction.p[k] == pytest.approx(mean, abs=2e-4)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("WrongShape", r"probabilities of shape \(\d+, 3\), not \(n, 4\)"),
        ("WrongCount", r"63 rows of probabilities for 64 clips"),
        ("NotNumbers", "negative or not numbers"),
        ("WrongSum", "do not sum to 1"),
    ],
)
def test_an_answer_that_is_no_table_of_probabilities_is_refused(
    attribute: str, message: str
) -> None:
    with pytest.raises(WorkError, match=message):
        run_cell(strange_cell(attribute), silent)


def test_a_setting_that_no_method_has_is_told_before_the_work() -> None:
    with pytest.raises(UserError, match="unknown setting of uniform 'notes': did you mean 'note'"):
        check_settings(strange_cell("Uniform", notes=1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": "abc"}, "setting lr='abc' of midibert: must be of type float"),
        ({"epochs": 1.5}, "setting epochs=1.5 of midibert: must be of type int"),
        ({"epochs": True}, "setting epochs=True of midibert: must be of type int"),
        ({"tasks": "key"}, "setting tasks='key' of midibert: must be of type Sequence"),
        ({"tasks": "key"}, r"""write 'tasks=\["key"\]'"""),
        ({"tasks": "[key, velocity]"}, r"""write 'tasks=\["key", "velocity"\]'"""),
        ({"precision": "fp8"}, "unknown precision 'fp8'"),
        ({"width": 10, "heads": 3}, "not a multiple of heads=3"),
    ],
)
def test_settings_that_do_not_fit_are_told_before_the_work(
    settings: dict[str, Any], message: str
) -> None:
    (cell,) = plan(load_suite("smoke"), method="midibert", seeds=[0], changes=settings)
    with pytest.raises(UserError, match=message):
        check_settings(cell)


def test_a_constructor_that_takes_any_setting_is_given_any() -> None:
    check_settings(strange_cell("Unchecked", C=1.0))
    with pytest.raises(UserError, match="setting known='x' of unchecked: must be of type int"):
        check_settings(strange_cell("Unchecked", known="x"))


@pytest.mark.parametrize("part", ["predict_segments", "details", "resume_in", "check"])
def test_an_attribute_in_place_of_an_optional_part_is_told_before_the_work(part: str) -> None:
    with pytest.raises(UserError, match=f"tellsbyattribute: its {part} is no function"):
        check_settings(strange_cell("TellsByAttribute", part=part))


@pytest.mark.parametrize("part", ["fit", "predict_proba"])
def test_a_method_without_one_of_its_functions_is_told_before_the_work(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = strange_cell("Uniform")
    monkeypatch.delattr(strange.Uniform, part)
    with pytest.raises(UserError, match=f"uniform: it has no function {part}"):
        check_settings(cell)


def test_a_constructor_that_fails_is_left_to_its_cells() -> None:
    check_settings(strange_cell("Unbuildable"))


def test_a_manifest_that_has_changed_since_the_plan_is_told() -> None:
    with pytest.raises(UserError, match="its manifest has changed"):
        run_cell(replace(strange_cell("Uniform"), dataset_digest="another"), silent)
