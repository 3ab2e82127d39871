"""Tokens against those that the public encoders give for the same files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench.midi import Midi, parse_midi
from models.tokens.compound import COMPOUND, segments
from models.tokens.performance import PERFORMANCE, words

_SHARED = Path(__file__).parents[2].parent / "shared"
_GOLDEN = _SHARED / "golden" / "tokens_sample.jsonl"
_EMOPIA = _SHARED / "mirror" / "EMOPIA_2.2.zip"
_VGMIDI = _SHARED / "mirror" / "bardo-composer-6ab3655c00e80cad55064a9ead4534a9511516b5.zip"

pytestmark = pytest.mark.skipif(
    not all(file.exists() for file in (_GOLDEN, _EMOPIA, _VGMIDI)),
    reason=f"reference tokens or datasets are not in {_SHARED}",
)


@cache
def _archive(dataset: str) -> zipfile.ZipFile:
    return zipfile.ZipFile({"emopia": _EMOPIA, "vgmidi": _VGMIDI}[dataset])


def _midi(dataset: str, clip: str) -> Midi:
    member = {
        "emopia": f"{_EMOPIA.stem}/midis/{clip}.mid",
        "vgmidi": f"{_VGMIDI.stem}/data/vgmidi/{clip}",
    }[dataset]
    return parse_midi(_archive(dataset).read(member), name=member)


def _references() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _GOLDEN.read_text().splitlines()]


def test_compound_tokens_are_the_public_ones() -> None:
    for reference in _references():
        tokens = COMPOUND.compute(_midi(reference["dataset"], reference["clip"]))
        assert tokens[:, :4].tolist() == reference["cp"], reference["clip"]
        assert tokens[:, 4].tolist() == reference["velocity"], reference["clip"]


def test_performance_tokens_are_the_public_ones() -> None:
    for reference in _references():
        ids = PERFORMANCE.compute(_midi(reference["dataset"], reference["clip"]))
        assert words(ids) == reference["performance"], reference["clip"]


def test_the_88_test_clips_of_emopia_are_91_segments() -> None:
    listing = _archive("emopia").read(f"{_EMOPIA.stem}/split/test_clip.csv").decode()
    names = [row["clip_name"] for row in csv.DictReader(io.StringIO(listing))]
    midis = [_midi("emopia", Path(name).stem) for name in names]
    assert len(midis) == 88
    assert sum(len(segments(COMPOUND.compute(midi), 512)) for midi in midis) == 91
