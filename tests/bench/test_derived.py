from __future__ import annotations

import errno
import os
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench import derived
from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from bench.derived import Derivation, derive, derive_all
from bench.errors import UserError
from bench.folders import cache_directory
from bench.keys import KEY, find_keys
from bench.midi import MidiError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.midi import Midi

PITCHES = [[60, 64, 67], [], [57], [62, 66, 69, 74]]


def _count(midi: Midi) -> NDArray[np.int64]:
    return np.array([len(midi.notes)])


def _pitch_and_onset(midi: Midi) -> NDArray[np.int64]:
    return np.stack([midi.notes.pitch, midi.notes.onset], axis=1)


def _pitch(midi: Midi) -> NDArray[np.int64]:
    return midi.notes.pitch


COUNT = Derivation("count", 1, _count)
ROWS = Derivation("rows", 1, _pitch_and_onset)
PITCH = Derivation("pitch", 1, _pitch)


def _refuse(_midi: Midi) -> Any:
    pytest.fail("computed although it is cached")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("SMER_BENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[[list[int]], Clip]:
    def make(pitches: list[int]) -> Clip:
        notes = [SmfNote(i * 480, i * 480 + 480, pitch, 80) for i, pitch in enumerate(pitches)]
        data = smf_bytes([notes])
        digest = sha256(data).hexdigest()
        path = tmp_path / f"{digest}.mid"
        path.write_bytes(data)
        return Clip(digest, digest, path, digest)

    return make


@pytest.fixture
def clips(make_clip: Callable[[list[int]], Clip]) -> list[Clip]:
    return [make_clip(pitches) for pitches in PITCHES]


def _cached(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file()]


def test_the_environment_chooses_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_directory() == cache
    monkeypatch.delenv("SMER_BENCH_CACHE")
    assert cache_directory().name == "smer-bench"


@pytest.mark.parametrize("state", ["computed", "cached"])
def test_values_come_in_order_and_shape(clips: list[Clip], state: str) -> None:
    if state == "cached":
        derive_all(clips, [ROWS, PITCH])
    rows, pitch = derive_all(clips, [ROWS, PITCH])
    assert [value.shape for value in rows] == [(len(pitches), 2) for pitches in PITCHES]
    assert [value[:, 0].tolist() for value in rows] == PITCHES
    assert [value.tolist() for value in pitch] == PITCHES
    assert {value.dtype for value in (*rows, *pitch)} == {np.dtype(np.int64)}
    assert not any(value.flags.writeable for value in (*rows, *pitch))


def test_another_order_of_clips_gives_another_order_of_values(clips: list[Clip]) -> None:
    derive(clips, PITCH)
    assert [value.tolist() for value in derive(clips[::-1], PITCH)] == PITCHES[::-1]
    assert [value.tolist() for value in derive(clips[2:], PITCH)] == PITCHES[2:]


def test_a_second_call_reads_no_midi(clips: list[Clip]) -> None:
    first = derive(clips, PITCH)
    again = [Clip(clip.id, clip.song, clip.path, clip.sha256) for clip in clips]
    for clip in again:
        clip.path.unlink()
    second = derive(again, Derivation("pitch", 1, _refuse))
    assert [value.tolist() for value in second] == [value.tolist() for value in first]


def test_each_file_is_read_once_for_all_derivations(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    derive(clips, COUNT)
    read: list[str] = []
    monkeypatch.setattr("bench.clips.parse_midi", _recording(read))
    fresh = [Clip(clip.id, clip.song, clip.path, clip.sha256) for clip in clips]
    derive_all(fresh, [ROWS, COUNT, PITCH])
    assert read == [str(clip.path) for clip in clips]


def _recording(read: list[str]) -> Callable[..., Midi]:
    from bench.midi import parse_midi

    def parse(data: bytes, *, name: str) -> Midi:
        read.append(name)
        return parse_midi(data, name=name)

    return parse


def test_no_clips_no_values(cache: Path) -> None:
    assert derive_all([], [ROWS, PITCH]) == [[], []]
    assert not cache.exists()


def test_clips_without_notes_alone(make_clip: Callable[[list[int]], Clip]) -> None:
    for _ in range(2):
        (value,) = derive([make_clip([])], ROWS)
        assert value.shape == (0, 2)


def test_the_same_clip_may_come_twice(make_clip: Callable[[list[int]], Clip]) -> None:
    clip = make_clip([60, 62])
    for _ in range(2):
        assert [value.tolist() for value in derive([clip, clip], PITCH)] == [[60, 62], [60, 62]]


def _elsewhere(midi: Midi) -> NDArray[np.int64]:
    return _count(midi)


def test_functions_of_two_packages_may_have_one_name(clips: list[Clip]) -> None:
    _elsewhere.__module__ = "elsewhere"
    named = Derivation("pitch", 1, _elsewhere)
    derive(clips, named)
    assert [value.tolist() for value in derive(clips, PITCH)] == PITCHES
    counts = [value.tolist() for value in derive(clips, COUNT)]
    assert [value.tolist() for value in derive(clips, named)] == counts


def test_a_new_version_is_computed_anew(clips: list[Clip]) -> None:
    derive(clips, Derivation("pitch", 1, _count))
    assert [value.tolist() for value in derive(clips, Derivation("pitch", 2, _pitch))] == PITCHES


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-8])


def _lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + bytes(8))


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _garble(file: Path) -> None:
    file.write_bytes(b"no tensors at all")


def _replace_by_other_clips(file: Path) -> None:
    other = next(path for path in file.parent.iterdir() if path != file)
    file.write_bytes(other.read_bytes())


@pytest.mark.parametrize("damage", [_truncate, _lengthen, _empty, _garble, _replace_by_other_clips])
def test_a_damaged_or_foreign_cache_is_rebuilt(
    clips: list[Clip], cache: Path, damage: Callable[[Path], None]
) -> None:
    derive(clips, PITCH)
    (file,) = _cached(cache)
    derive([*clips[:3], clips[0]], PITCH)
    damage(file)
    assert [value.tolist() for value in derive(clips, PITCH)] == PITCHES
    rebuilt = derive(clips, Derivation("pitch", 1, _refuse))
    assert [value.tolist() for value in rebuilt] == PITCHES


def test_an_unreadable_clip_is_named_and_leaves_nothing(clips: list[Clip], cache: Path) -> None:
    bad = clips[2]
    bad.path.write_bytes(b"MThd")
    broken = Clip("bad", "bad", bad.path, sha256(b"MThd").hexdigest())
    with pytest.raises(MidiError, match=bad.path.name):
        derive_all([*clips[:2], broken], [ROWS, PITCH])
    assert not _cached(cache)


def test_a_derivation_that_fails_leaves_nothing(clips: list[Clip], cache: Path) -> None:
    def fail(midi: Midi) -> NDArray[np.int64]:
        raise UserError(f"{len(midi.notes)} notes are too few")

    with pytest.raises(UserError, match="3 notes are too few"):
        derive(clips, Derivation("fail", 1, fail))
    assert not _cached(cache)


def test_a_file_that_has_no_answer_is_named(clips: list[Clip]) -> None:
    def refuse(midi: Midi) -> NDArray[np.int64]:
        if len(midi.notes) == 1:
            raise MidiError("one note is too few")
        return _count(midi)

    with pytest.raises(MidiError, match=f"{clips[2].path.name}: one note is too few"):
        derive(clips, Derivation("refuse", 1, refuse))


def test_a_cache_that_cannot_be_written_is_named_once_and_values_are_given(
    clips: list[Clip], cache: Path
) -> None:
    cache.write_bytes(b"a file where the folder should be")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("default")  # as in a command, where a text is shown once
        pitches, counts = derive_all(clips, [PITCH, COUNT])
    assert [value.tolist() for value in pitches] == PITCHES
    assert [value.tolist() for value in counts] == [[3], [0], [1], [4]]
    (text,) = [str(warning.message) for warning in warned]
    assert re.search(rf"{re.escape(str(cache))}.*: cannot be written: .* SMER_BENCH_CACHE", text)


def test_who_comes_while_the_same_is_computed_waits_for_it(
    clips: list[Clip], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, waited = threading.Event(), threading.Event()
    computed: list[int] = []

    def count(midi: Midi) -> NDArray[np.int64]:
        computing.set()
        computed.append(len(midi.notes))
        if len(computed) > 1:
            waited.set()  # in vain
        assert waited.wait(300)
        return _count(midi)

    monkeypatch.setattr("bench.claims.time.sleep", lambda _: waited.set())
    slow = Derivation("slow", 1, count)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(derive_all, clips, [slow])
        assert computing.wait(300)
        second = threads.submit(derive_all, clips, [slow, COUNT])  # and of this it computes one
        slow_ones, counts = second.result(300)
        assert [value.tolist() for value in first.result(300)[0]] == [[3], [0], [1], [4]]
    assert [value.tolist() for value in slow_ones] == [value.tolist() for value in counts]
    assert computed == [3, 0, 1, 4]
    assert {path.suffix for path in _cached(cache)} == {".safetensors"}  # no lock stays


def test_without_locks_values_are_computed_and_kept_all_the_same(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("bench.claims.fcntl.flock", refuse)
    assert [value.tolist() for value in derive(clips, PITCH)] == PITCHES
    kept = derive(clips, Derivation("pitch", 1, _refuse))
    assert [value.tolist() for value in kept] == PITCHES


def test_several_processes_give_what_one_gives(
    clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [KEY.compute(clip.midi).tolist() for clip in clips]
    monkeypatch.setattr(derived, "_PARALLEL_FROM", 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    assert [value.tolist() for value in derive(clips, KEY)] == alone
    assert [key is None for key in find_keys(clips)] == [not pitches for pitches in PITCHES]
