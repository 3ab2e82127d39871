from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.catalogue import (
    COLUMNS,
    FEATURE_NAMES,
    FEATURES,
    JSYMBOLIC,
    columns_matching,
    extract,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.midi import Midi

    MakeMidi = Callable[..., Midi]


def test_columns_are_those_of_the_program() -> None:
    assert len(FEATURE_NAMES) == 244
    assert len(COLUMNS) == len(set(COLUMNS)) == 1495
    assert COLUMNS[0] == "Basic_Pitch_Histogram_0"
    assert COLUMNS[-1] == "Average_Note_to_Note_Change_in_Dynamics"
    assert "Voice_Equality_-_Number_of_Notes" in COLUMNS
    assert sum(feature.dimensions == 1 for feature in FEATURES) == 226


def test_row_of_a_file_without_notes_is_zero(make_midi: MakeMidi) -> None:
    row = extract(make_midi([], end=960))
    assert row.shape == (1495,)
    assert not row.any()


def test_derivation_is_one_row(make_midi: MakeMidi) -> None:
    values = JSYMBOLIC.compute(make_midi([(0, 480, 60)]))
    assert values.shape == (1, 1495)
    assert values.dtype == np.float64


@pytest.mark.parametrize(
    ("pattern", "n_columns"),
    [("P-*", 190), ("Beat Histogram", 161), ("*Pitch Histogram", 128), ("*", 1495), ("none", 0)],
)
def test_columns_are_selected_by_name_or_code(pattern: str, n_columns: int) -> None:
    chosen = columns_matching(pattern)
    assert len(chosen) == n_columns
    assert (np.diff(chosen) > 0).all()


@pytest.mark.parametrize(
    "notes",
    [
        [(0, 480, 60)],
        [(0, 0, 60)],
        [(0, None, 60)],
        [(0, 480, 36, 100, 9)],
        [(0, 480, 0), (0, 480, 127)],
        [(0, 480, 60, 1, channel, channel) for channel in range(16)],
        [(480 * i, 480 * i + 10, 60 + i % 12) for i in range(40)],
    ],
    ids=["one", "no length", "never ends", "drum", "extremes", "sixteen channels", "staccato"],
)
def test_unusual_music_has_finite_values(make_midi: MakeMidi, notes: list[tuple[int, ...]]) -> None:
    row = extract(make_midi(notes, end=4 * 480))
    named = dict(zip(COLUMNS, row, strict=True))
    # The one feature that is undefined in very short music, in the program as here.
    named.pop("Note_Density_per_Quarter_Note_Variability")
    assert [name for name, value in named.items() if not np.isfinite(value)] == []


def test_memory_does_not_grow_with_ticks(make_midi: MakeMidi) -> None:
    notes = [(i * 480, i * 480 + 240, 60 + i % 7) for i in range(64)]
    sizes = []
    for last in (100, 60_000):
        midi = make_midi([*notes, (last * 480, last * 480 + 240, 60)], [], end=last * 480 + 480)
        extract(midi)
        tracemalloc.start()
        extract(midi)
        sizes.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert sizes[1] < sizes[0] + (4 << 20)
