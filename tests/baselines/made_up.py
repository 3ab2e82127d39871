"""Clips and tables made up for the SVMs: extraction is not their business."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.clips import Clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.methods import FloatArray

COLUMNS = tuple(f"column_{i}" for i in range(12))


def music(n_songs: int, start: int = 0) -> list[Clip]:
    """Three clips per song, the quadrants in turn."""
    return [
        Clip(f"{song}.{i}", str(song), Path("none"), f"{song}.{i}", song % 4)
        for song in range(start, start + n_songs)
        for i in range(3)
    ]


def table(clips: Sequence[Clip], extractor: str = "native") -> FloatArray:
    """Columns 3 and 7 tell valence and arousal, 0 never varies, 1 is NaN at times."""
    assert extractor == "native"
    rows = []
    for clip in clips:
        song, i = map(int, clip.id.split("."))
        row = np.random.default_rng([song, i]).normal(size=len(COLUMNS))
        row[3] += 3 * (song % 4 in (0, 3))
        row[7] += 3 * (song % 4 in (0, 1))
        row[0] = 5
        row[1] = np.nan if i else row[1]
        rows.append(row)
    return np.array(rows).reshape(-1, len(COLUMNS))
