"""The native features against the values of jSymbolic 2.2 itself."""

from __future__ import annotations

import csv
import lzma
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np
import pytest

from baselines.jsymbolic.native.catalogue import COLUMNS, extract
from bench.midi import parse_midi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

_SHARED = Path(__file__).parents[3] / "shared"
_BARDO = "bardo-composer-6ab3655c00e80cad55064a9ead4534a9511516b5"
#: The archive of each dataset and where in it a clip lies.
_ARCHIVES = {
    "emopia": ("EMOPIA_2.2.zip", "EMOPIA_2.2/midis/{}.mid"),
    "vgmidi": (f"{_BARDO}.zip", f"{_BARDO}/data/vgmidi/{{}}"),
}

pytestmark = pytest.mark.skipif(
    not _SHARED.is_dir(),
    reason="needs the datasets and the reference answers beside the repository",
)


def _reference(dataset: str) -> tuple[list[str], FloatArray]:
    with lzma.open(_SHARED / "golden" / f"jsymbolic_{dataset}.csv.xz", "rt") as file:
        header, *rows = csv.reader(file)
    assert tuple(header[1:]) == COLUMNS
    return [row[0] for row in rows], np.array([row[1:] for row in rows], dtype=np.float64)


def _values(dataset: str) -> tuple[list[str], FloatArray, FloatArray]:
    clips, reference = _reference(dataset)
    archive, place = _ARCHIVES[dataset]
    with ZipFile(_SHARED / "mirror" / archive) as files:
        rows = [extract(parse_midi(files.read(place.format(clip)), name=clip)) for clip in clips]
    return clips, np.array(rows), reference


@pytest.mark.parametrize("dataset", _ARCHIVES)
def test_every_value_is_the_programs(dataset: str) -> None:
    clips, values, reference = _values(dataset)
    same = np.isclose(values, reference, rtol=1e-6, atol=1e-9, equal_nan=True)
    wrong = [
        f"{clips[clip]} {COLUMNS[column]}: "
        f"{values[clip, column]!r}, not {reference[clip, column]!r}"
        for clip, column in np.argwhere(~same)
    ]
    assert wrong == []
