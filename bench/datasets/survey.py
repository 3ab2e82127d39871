"""What is odd about clips, and how many there are of what: the numbers of `bench data info`."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.dataset import LEFT_OUT, SPLITS
from bench.datasets.manifest import ManifestRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.datasets.dataset import Dataset
    from bench.midi import Midi

#: Kinds of dirt, and the rule for each.
DIRT = {
    "contradictory": "published with two labels: left out, neither learned from nor scored",
    "no-notes": "not one note: stays in its split; a method must answer all the same",
    "pitch-range": "pitches outside 22..107, where the reference CP encoder fails: stays",
    "empty-grid": "all onsets 0, where the reference CP encoder fails: stays",
    "repeat": "same content as another clip of its split: stays",
    "in-train": "same content as a clip of train with another song: stays",
}

#: What the CP encoding of MidiBERT-Piano has tokens for.
_LOWEST_PITCH, _HIGHEST_PITCH = 22, 107


def dirt_of(midi: Midi) -> tuple[str, ...]:
    """The kinds of `DIRT` that one file shows by itself."""
    notes = midi.notes
    if not len(notes):
        return ("no-notes",)
    found = []
    if notes.pitch.min() < _LOWEST_PITCH or notes.pitch.max() > _HIGHEST_PITCH:
        found.append("pitch-range")
    if not notes.onset.any():
        found.append("empty-grid")
    return tuple(found)


def rows_of(dataset: Dataset) -> list[ManifestRow]:
    """The rows of a manifest for a dataset that comes without one; reads every file.

    Raises:
        UserError: a file cannot be read.
    """
    return [
        ManifestRow(**asdict(row), notes=len(clip.midi.notes), dirt=dirt_of(clip.midi))
        for row, clip in zip(dataset.rows, dataset.clips, strict=True)
    ]


def lengths(rows: Sequence[ManifestRow]) -> tuple[int, int, int]:
    """Notes per clip: median, 90th percentile, maximum; nearest-rank, of at least one row."""
    notes = [row.notes for row in rows]
    median, ninetieth = np.percentile(notes, [50, 90], method="inverted_cdf")
    return int(median), int(ninetieth), max(notes)


def count_dirt(rows: Iterable[ManifestRow]) -> dict[str, Mapping[str, int]]:
    """Number of clips of each kind of `DIRT`, per split and `LEFT_OUT`."""
    by_split: dict[str, list[ManifestRow]] = {split: [] for split in (*SPLITS, LEFT_OUT)}
    for row in rows:
        by_split[row.split].append(row)
    counts: dict[str, Mapping[str, int]] = {}
    for kind in DIRT:
        counts[kind] = {
            split: sum(kind in row.dirt for row in members) for split, members in by_split.items()
        }
    contents = {
        split: Counter(row.sha256 for row in members) for split, members in by_split.items()
    }
    counts["repeat"] = {split: c.total() - len(c) for split, c in contents.items()}
    counts["in-train"] = {
        split: 0 if split == "train" else sum(row.sha256 in contents["train"] for row in members)
        for split, members in by_split.items()
    }
    return counts
