from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from genuine import with_predictions
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bench.errors import UserError
from bench.records import DECIMALS, Table, decode_record, encode_record, rounded

if TYPE_CHECKING:
    from tests.bench.conftest import MakeRecord


def test_a_record_comes_back_from_its_file(make_record: MakeRecord) -> None:
    record = make_record(
        segments=[[0], [1, 0], [2], [3]],
        changes={"tasks": ["key"]},
        details={"history": [{"loss": 1.5}]},
    )
    data = encode_record(record)
    assert decode_record(data, name="r.json") == record
    assert encode_record(decode_record(data, name="r.json")) == data


def test_a_table_holds_the_predictions(make_record: MakeRecord) -> None:
    record = make_record(segments=[[0], [1, 0], [2], [3]])
    # Whole numbers in a file are numbers like others.
    again = decode_record(encode_record(record).replace(b"0.0", b"0"), name="r.json")
    for of in (record, again):
        table = of.table
        assert table.clips == tuple(p.clip for p in of.predictions)
        assert table.labels.tolist() == [p.label for p in of.predictions]
        assert table.probabilities.tolist() == [p.p for p in of.predictions]
        rows = [row for p in of.predictions for row in p.segments or ()]
        assert table.segment_probabilities.tolist() == rows
        assert table.n_segments.tolist() == [1, 2, 1, 1]
    assert record.table == again.table


def test_a_condensed_record_keeps_its_table_alone(make_record: MakeRecord) -> None:
    record = make_record(segments=[[0], [1, 0], [2], [3]])
    condensed = record.condensed()
    assert condensed.predictions == []
    assert condensed.table == record.table
    assert msgspec.structs.replace(condensed, predictions=record.predictions) == record


def test_tables_of_other_predictions_are_others(make_record: MakeRecord) -> None:
    table = make_record().table
    assert table == make_record().table
    for other in (
        make_record(predicted=(0, 1, 2, 1)).table,
        make_record(segments=[[0], [1, 0], [2], [3]]).table,
        make_record().predictions,
    ):
        assert table != other


def test_a_file_has_one_prediction_a_line(make_record: MakeRecord) -> None:
    lines = encode_record(make_record()).decode().splitlines()
    assert sum('"clip-' in line for line in lines) == 4


@pytest.mark.parametrize(
    "field", ["n", "accuracy", "macro_f1", "valence_accuracy", "arousal_accuracy", "confusion"]
)
def test_a_score_that_does_not_follow_is_refused_by_name(
    make_record: MakeRecord, field: str
) -> None:
    record = make_record(predicted=(0, 1, 2, 1))
    value = [[4, 0, 0, 0]] + [[0] * 4] * 3 if field == "confusion" else 1
    scores = msgspec.structs.replace(record.scores, **{field: value})
    forged = encode_record(msgspec.structs.replace(record, scores=scores))
    with pytest.raises(UserError, match=rf"^mine\.json: clip-level {field} is "):
        decode_record(forged, name="mine.json")


def test_forged_segment_scores_are_refused(make_record: MakeRecord) -> None:
    record = make_record(segments=[[0], [1, 0], [2], [3]])
    assert record.segment_scores is not None
    better = msgspec.structs.replace(record.segment_scores, accuracy=1.0)
    whole = make_record()
    for of, scores in ((record, better), (record, None), (whole, whole.scores)):
        forged = encode_record(msgspec.structs.replace(of, segment_scores=scores))
        with pytest.raises(UserError, match="segment-level"):
            decode_record(forged, name="mine.json")


def test_segments_of_some_clips_have_no_scores(make_record: MakeRecord) -> None:
    first, *others = make_record(segments=[[0], [1, 0], [2], [3]]).predictions
    whole = msgspec.structs.replace(first, segments=None)
    assert Table.of([whole, *others]).scores() == (make_record().scores, None)


def test_segments_have_probabilities_too(make_record: MakeRecord) -> None:
    record = make_record(segments=[[0], [1, 0], [2], [3]])
    first, *others = record.predictions
    # Their mean is the clip's, and that sums to 1.
    wrong = msgspec.structs.replace(first, segments=[[1.4, 0.2, 0.2, 0.2], [0.0] * 4])
    forged = with_predictions(record, [wrong, *others])
    with pytest.raises(UserError, match=r"2 rows are not probabilities, the first is \[1\.4,"):
        decode_record(encode_record(forged), name="mine.json")


@pytest.mark.parametrize("data", [b"", b"{}", b"[1, 2", b"\xff\xfe", b'{"key": 3}'])
def test_what_is_no_record_is_named(data: bytes) -> None:
    with pytest.raises(UserError, match=r"^mine\.json: not a record"):
        decode_record(data, name="mine.json")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda row: sum(row) > 0))
@example([0.30001, 0.30004, 0.2, 0.19995])  # two that are equal in four decimals
def test_rounding_keeps_the_winner(row: list[float]) -> None:
    p = np.array(row) / sum(row)
    kept = rounded(p)
    assert int(np.argmax(kept)) == int(np.argmax(p))
    assert np.abs(np.array(kept) - p).max() <= 1.5 * 10.0**-DECIMALS
