from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.clips import Clip
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError
from bench.midi import MidiError

if TYPE_CHECKING:
    from pathlib import Path

DATA = smf_bytes([[SmfNote(0, 480, 60, 80)]])


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    path = tmp_path / "tune.mid"
    path.write_bytes(DATA)
    return Clip("tune", "song", path, sha256(DATA).hexdigest(), quadrant=3)


def test_the_file_is_read_once_and_when_asked_for(clip: Clip) -> None:
    first = clip.midi
    assert first.notes.pitch.tolist() == [60]
    clip.path.unlink()
    assert clip.midi is first


def test_a_clip_of_a_bare_file(clip: Clip) -> None:
    bare = Clip.from_file(clip.path)
    assert (bare.id, bare.song, bare.sha256, bare.quadrant) == ("tune", "tune", clip.sha256, None)
    assert len(bare.midi.notes) == 1
    named = Clip.from_file(clip.path, id="one", quadrant=2)
    assert (named.id, named.song, named.label) == ("one", "one", 2)
    assert Clip.from_file(clip.path, song="all").song == "all"
    clip.path.unlink()
    with pytest.raises(MidiError, match=r"tune\.mid: cannot be read"):
        Clip.from_file(clip.path)


def test_a_file_that_has_changed_is_refused(clip: Clip) -> None:
    clip.path.write_bytes(smf_bytes([[SmfNote(0, 480, 61, 80)]]))
    with pytest.raises(UserError, match=r"tune\.mid: not the file that was expected"):
        _ = clip.midi


def test_a_missing_file_is_named(clip: Clip) -> None:
    clip.path.unlink()
    with pytest.raises(MidiError, match=r"tune\.mid: cannot be read: No such file"):
        _ = clip.midi


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.mid"
    path.write_bytes(b"RIFF")
    with pytest.raises(MidiError, match=r"bad\.mid: not a readable MIDI file"):
        _ = Clip("bad", "bad", path, sha256(b"RIFF").hexdigest()).midi


def test_a_label_is_the_quadrant(clip: Clip) -> None:
    assert clip.label == 3
    of_numpy = Clip.from_file(clip.path, quadrant=np.int64(2))
    assert (of_numpy.label, type(of_numpy.label)) == (2, int)


def test_a_clip_without_a_label_says_so(clip: Clip) -> None:
    unlabelled = Clip(clip.id, clip.song, clip.path, clip.sha256)
    with pytest.raises(UserError, match="tune: this clip has no emotion label"):
        _ = unlabelled.label
