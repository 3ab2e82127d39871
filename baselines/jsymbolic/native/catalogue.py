"""All of jSymbolic 2.2's MIDI features in the program's own columns."""

from __future__ import annotations

import csv
from fnmatch import fnmatchcase
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from baselines.jsymbolic.native.piece import Piece
from bench.derived import Derivation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature
    from bench.midi import Midi

    FloatArray = NDArray[np.float64]

#: The modules that have a table `FEATURES`.
_MODULES = (
    "pitch",
    "melody",
    "chords",
    "rhythm_meter",
    "rhythm_density",
    "rhythm_values",
    "rhythm_rests",
    "beat_histogram",
    "tempo",
    "rhythm_timing",
    "instrumentation",
    "texture",
    "dynamics",
)


class FeatureInfo(NamedTuple):
    """One feature as jSymbolic lists it."""

    code: str  # such as P-1
    name: str
    dimensions: int

    @property
    def columns(self) -> list[str]:
        """Its column names in jSymbolic's CSV files."""
        name = self.name.replace(" ", "_")
        return [name] if self.dimensions == 1 else [f"{name}_{i}" for i in range(self.dimensions)]


def _read_features() -> tuple[FeatureInfo, ...]:
    with (files(__package__) / "features.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return tuple(FeatureInfo(r["code"], r["name"], int(r["dimensions"])) for r in rows)


#: The 244 features that apply to MIDI, in jSymbolic's order.
FEATURES = _read_features()
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
#: The 1,495 columns, in jSymbolic's order.
COLUMNS = tuple(column for feature in FEATURES for column in feature.columns)


@cache
def functions() -> Mapping[str, Feature]:
    """What computes each feature, by the names in `FEATURE_NAMES`."""
    found: dict[str, Feature] = {}
    for module in _MODULES:
        found |= import_module(f"{__package__}.{module}").FEATURES
    return found


def extract(midi: Midi) -> FloatArray:
    """All values of one file.

    Returns:
        float64, shape (1495,), in the order of `COLUMNS`; nan where jSymbolic gives nan. A file
        without notes has all zeros (the program itself fails on it).

    Raises:
        MidiError: notes of no length in time, or so many that some feature cannot be computed;
            the message does not name the file.
    """
    row = np.zeros(len(COLUMNS))
    if not len(midi.notes):
        return row
    piece = Piece(midi)
    compute = functions()
    begin = 0
    for feature in FEATURES:
        row[begin : begin + feature.dimensions] = compute[feature.name](piece)
        begin += feature.dimensions
    return row


def _extract_row(midi: Midi) -> FloatArray:
    return extract(midi)[np.newaxis]


#: Shape (1, 1495) for each clip.
JSYMBOLIC = Derivation("jsymbolic-native", 1, _extract_row)


def columns_matching(pattern: str) -> NDArray[np.int64]:
    """Positions in `COLUMNS` whose feature's name or code, or which themselves, fit a pattern.

    "Beat Histogram*", "P-*" and "*Pitch*" are such shell-style patterns; case counts.
    """
    owners = [feature for feature in FEATURES for _ in range(feature.dimensions)]
    chosen = [
        i
        for i, (feature, column) in enumerate(zip(owners, COLUMNS, strict=True))
        if any(fnmatchcase(name, pattern) for name in (feature.name, feature.code, column))
    ]
    return np.array(chosen, dtype=np.int64)
