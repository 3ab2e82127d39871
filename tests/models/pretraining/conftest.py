from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.datasets.smf import SmfNote, smf_bytes

if TYPE_CHECKING:
    from pathlib import Path


def _piece(random: np.random.Generator, n_notes: int) -> bytes:
    onsets = np.cumsum(random.integers(60, 480, n_notes))
    return smf_bytes(
        [[SmfNote(int(on), int(on) + 200, int(random.integers(40, 90)), 64) for on in onsets]]
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """12 pieces in two folders, one of them twice; and a cache of one's own."""
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    folder = tmp_path / "corpus"
    (folder / "below").mkdir(parents=True)
    for i in range(12):
        place = folder / "below" if i % 3 == 0 else folder
        (place / f"{i:02}.mid").write_bytes(_piece(random, int(random.integers(20, 90))))
    (folder / "again.midi").write_bytes((folder / "01.mid").read_bytes())
    return folder
