from pathlib import Path

import numpy as np
import pytest

from baselines.key_mode import KeyMode
from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from bench.methods import silent

MAJOR, MINOR, SILENCE = (0, 4, 7, 12), (0, 3, 7, 12), ()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))


def clip(
    folder: Path, chord: tuple[int, ...], tonic: int = 60, quadrant: int | None = None
) -> Clip:
    data = smf_bytes(
        [[SmfNote(480 * i, 480 * i + 480, tonic + p, 80) for i, p in enumerate(chord)]]
    )
    path = folder / f"{tonic}-{'.'.join(map(str, chord))}.mid"
    path.write_bytes(data)
    return Clip.from_file(path, quadrant=quadrant)


def fitted(folder: Path) -> KeyMode:
    method = KeyMode()
    train = [clip(folder, MAJOR, 60 + i, quadrant=0) for i in range(6)]
    train += [clip(folder, MINOR, 60 + i, quadrant=2) for i in range(4)]
    method.fit(train, [], seed=0, progress=silent)
    return method


def test_tells_major_from_minor_in_any_key(tmp_path: Path) -> None:
    test = [clip(tmp_path, MAJOR, 67), clip(tmp_path, MINOR, 69)]
    probabilities = fitted(tmp_path).predict_proba(test)
    assert probabilities.argmax(axis=1).tolist() == [0, 2]
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert not probabilities[:, [1, 3]].any()  # quadrants that training never showed


def test_a_clip_without_notes_lies_between_the_modes(tmp_path: Path) -> None:
    test = [clip(tmp_path, MAJOR), clip(tmp_path, SILENCE), clip(tmp_path, MINOR)]
    major, silence, minor = fitted(tmp_path).predict_proba(test)[:, 0]
    assert minor < silence < major
