"""Tokens against those that the public encoders give for the same files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench.datasets.builtin import built_in_manifest
from bench.midi import parse_midi
from models.tokens.compound import COMPOUND, segments
from models.tokens.views import view_cp, view_performance, view_velocity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.midi import Midi

    # Of a dataset, the bytes of each clip's file.
    Archives = Mapping[str, Mapping[str, bytes]]


@pytest.mark.parametrize(
    ("field", "view"),
    [("cp", view_cp), ("velocity", view_velocity), ("performance", view_performance)],
)
def test_tokens_are_the_public_ones(
    golden: Path, midi_archives: Archives, field: str, view: Callable[[Midi], object]
) -> None:
    lines = (golden / "tokens_sample.jsonl").read_text().splitlines()
    assert len(lines) == 82
    for line in lines:
        reference = json.loads(line)
        clip = reference["clip"]
        midi = parse_midi(midi_archives[reference["dataset"]][clip], name=clip)
        assert view(midi) == reference[field], clip


def test_the_88_test_clips_of_emopia_are_91_segments(midi_archives: Archives) -> None:
    rows = built_in_manifest("emopia").rows
    clips = [row.clip for row in rows if row.split == "test"]
    assert len(clips) == 88
    tokens = [COMPOUND.compute(parse_midi(midi_archives["emopia"][clip])) for clip in clips]
    assert sum(len(segments(len(clip_tokens), 512)) for clip_tokens in tokens) == 91
