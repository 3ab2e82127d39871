"""The generated dataset: the same everywhere, and as hard as it is meant to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.datasets import dataset_info, load_dataset
from bench.datasets.builtin import built_in_manifest
from bench.datasets.fetch import fetch
from bench.datasets.make_manifest import synthetic
from bench.datasets.synthetic import compose
from bench.keys import find_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.clips import Clip
    from bench.datasets import Dataset
    from bench.methods import FloatArray


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dataset]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMER_BENCH_DATA", str(tmp_path_factory.mktemp("data")))
        yield load_dataset("synthetic")


def test_the_music_is_the_same_bytes_everywhere() -> None:
    assert synthetic().to_csv() == built_in_manifest("synthetic").to_csv()
    assert dataset_info("synthetic").digest == (
        "e29a2847573eb214970bbc88658795d97ac3e11e7beaeee6ec25dfa3b0ad07d8"
    )


def test_a_clip_does_not_depend_on_how_many_there_are() -> None:
    few = {clip.id: clip for clip in compose(songs_per_quadrant=2, clips_per_song=1)}
    many = {clip.id: clip for clip in compose()}
    assert len(few) == 8
    assert all(many[name] == clip for name, clip in few.items())
    other = next(compose(seed=1))
    assert other.content != many[other.id].content


def test_every_quadrant_has_as_many_clips(dataset: Dataset) -> None:
    sizes = {split: [0] * 4 for split in dataset.splits}
    for split, clips in dataset.splits.items():
        for clip in clips:
            sizes[split][clip.label] += 1
    assert sizes == {"train": [36] * 4, "valid": [8] * 4, "test": [16] * 4}


def test_clips_are_short(dataset: Dataset) -> None:
    for clip in dataset.clips:
        assert 25 <= len(clip.midi.notes) <= 64
        assert clip.midi.notes.closed.all()
        assert 22 <= clip.midi.notes.pitch.min() <= clip.midi.notes.pitch.max() <= 107


def test_what_is_missing_is_composed_anew(dataset: Dataset) -> None:
    file = dataset.test[0].path
    file.unlink()
    again = load_dataset("synthetic")
    assert len(again.test[0].midi.notes) > 0
    home = file.parents[1]
    assert [path.name for path in home.iterdir()] == ["synthetic-1"]


def test_a_clip_that_is_damaged_is_mended_by_a_fetch(dataset: Dataset) -> None:
    clip = dataset.test[0]
    whole = clip.path.read_bytes()
    clip.path.write_bytes(whole[:-1] + b"?")
    fetch("synthetic")
    assert clip.path.read_bytes() == whole


def features(clips: Sequence[Clip]) -> FloatArray:
    rows = []
    for clip in clips:
        notes = clip.midi.notes
        tempo = clip.midi.tempos["microseconds_per_beat"][0]
        key = find_key(clip.midi)
        assert key is not None
        rows.append([key.minor, tempo, notes.pitch.mean(), notes.velocity.mean(), len(notes)])
    return np.array(rows, dtype=np.float64)


def test_a_sensible_method_gets_most_right_and_not_all(dataset: Dataset) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(features(dataset.train), [clip.label for clip in dataset.train])
    accuracy = model.score(features(dataset.test), [clip.label for clip in dataset.test])
    assert 0.70 <= accuracy <= 0.95


def test_no_single_cue_decides(dataset: Dataset) -> None:
    train, test = features(dataset.train), features(dataset.test)
    labels = [clip.label for clip in dataset.train]
    for column in range(train.shape[1]):
        model = make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(train[:, [column]], labels)
        assert model.score(test[:, [column]], [clip.label for clip in dataset.test]) <= 0.65
