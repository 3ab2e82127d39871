"""The native features against the values of jSymbolic 2.2 itself."""

from __future__ import annotations

import csv
import lzma
from typing import TYPE_CHECKING

import numpy as np
import pytest

from baselines.jsymbolic.native.catalogue import COLUMNS, extract
from bench.midi import parse_midi

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tests.realdata.conftest import MidiArchive


def _reference(file: Path) -> tuple[list[str], NDArray[np.float64]]:
    with lzma.open(file, "rt") as text:
        header, *rows = csv.reader(text)
    assert tuple(header[1:]) == COLUMNS
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.float64)


@pytest.mark.parametrize("dataset", ["emopia", "vgmidi"])
def test_every_value_is_the_programs(
    dataset: str, golden: Path, midi_archives: Mapping[str, MidiArchive]
) -> None:
    clips, reference = _reference(golden / f"jsymbolic_{dataset}.csv.xz")
    files = midi_archives[dataset]
    values = np.array([extract(parse_midi(files[clip], name=clip)) for clip in clips])
    same = np.isclose(values, reference, rtol=1e-6, atol=1e-9, equal_nan=True)
    wrong = [
        f"{clips[clip]} {COLUMNS[column]}: "
        f"{values[clip, column]!r}, not {reference[clip, column]!r}"
        for clip, column in np.argwhere(~same)
    ]
    assert wrong == []
