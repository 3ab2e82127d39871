from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from bench.midi import parse_midi
from models.checkpoints.finetuned import find_finetuned, load_finetuned
from models.checkpoints.weights import read_metadata, read_weights, write_weights
from models.finetuning import shared_resolution
from models.predicting import guess_files
from models.tokens.compound import COMPOUND, RESCALED, compound_at
from models.tokens.encodings import COMPOUND_WORDS, PERFORMANCE_WORDS, RESCALED_WORDS

if TYPE_CHECKING:
    from pathlib import Path

RESOLUTIONS = (96, 384, 960)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))


def music(ticks_per_beat: int) -> bytes:
    """The same piece at any resolution that is a multiple of 48."""
    rng = np.random.default_rng(0)
    onsets = np.cumsum(rng.integers(1, 40, 120))  # in 48ths of a beat
    unit = ticks_per_beat // 48
    notes = [
        SmfNote(int(on) * unit, int(on + length) * unit, 40 + i % 37, 30 + i % 90)
        for i, (on, length) in enumerate(zip(onsets, rng.integers(1, 90, 120), strict=True))
    ]
    return smf_bytes([notes], ticks_per_beat=ticks_per_beat)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{ticks}.mid" for ticks in RESOLUTIONS]
    for ticks, path in zip(RESOLUTIONS, paths, strict=True):
        path.write_bytes(music(ticks))
    return paths


def test_the_same_music_gets_the_same_words_at_every_resolution() -> None:
    written = [parse_midi(music(ticks)) for ticks in RESOLUTIONS]
    expected = COMPOUND.compute(written[1])
    assert not np.array_equal(COMPOUND.compute(written[0]), expected)
    for midi in written:
        assert np.array_equal(compound_at(384).compute(midi), expected)
        assert np.array_equal(compound_at(480).compute(midi), RESCALED.compute(midi))


def test_files_of_the_resolution_are_read_as_they_are() -> None:
    rng = np.random.default_rng(1)
    onsets = np.cumsum(rng.integers(0, 700, 200))
    notes = [SmfNote(int(on), int(on) + 1 + i % 500, i % 128, 64) for i, on in enumerate(onsets)]
    midi = parse_midi(smf_bytes([notes], ticks_per_beat=384))
    assert np.array_equal(compound_at(384).compute(midi), COMPOUND.compute(midi))


def test_only_what_counts_in_ticks_is_brought_to_a_resolution() -> None:
    assert COMPOUND_WORDS.brought_to(None) is COMPOUND
    told = {COMPOUND_WORDS.brought_to(ticks).name for ticks in (None, 96, 384)}
    assert len(told) == 3  # what is kept of one is never taken for another's
    for encoding in (RESCALED_WORDS, PERFORMANCE_WORDS):
        assert encoding.brought_to(384) is encoding.tokens


def test_the_shipped_network_answers_the_same_music_alike(files: list[Path]) -> None:
    tuned = load_finetuned(find_finetuned("mt-midibert"), device="cpu")
    assert tuned.card.ticks_per_beat == 384
    guesses = list(guess_files(tuned.method, files, pytest.fail))
    assert len({(guess.p, guess.key, guess.segments) for guess in guesses}) == 1


def test_a_network_that_tells_no_resolution_reads_files_as_they_are(
    files: list[Path], tmp_path: Path
) -> None:
    shipped, older = find_finetuned("mt-midibert"), tmp_path / "older.safetensors"
    metadata = read_metadata(shipped)
    card = json.loads(metadata["card"])
    del card["ticks_per_beat"]
    write_weights(older, read_weights(shipped), metadata | {"card": json.dumps(card)})
    told = [
        [guess.p for guess in guess_files(load_finetuned(path).method, files, pytest.fail)]
        for path in (shipped, older)
    ]
    assert told[0][1] == told[1][1]
    assert len(set(told[1])) > 1


def test_a_resolution_is_told_where_all_clips_share_it(files: list[Path]) -> None:
    clips = list(map(Clip.from_file, files))
    assert shared_resolution(clips[:1] * 2) == 96
    assert shared_resolution(clips) is None
    assert shared_resolution([]) is None
