"""Piano rolls: times under all tempi, in the order of onsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mido

from bench.midi import read_midi
from bench.site.music import music_of, piano_roll

if TYPE_CHECKING:
    from pathlib import Path


def test_times_follow_every_change_of_tempo(tmp_path: Path) -> None:
    track = mido.MidiTrack(
        [
            mido.Message("note_on", note=60, velocity=90, time=0),
            mido.Message("note_off", note=60, time=480),  # a beat of 120 bpm, until told otherwise
            mido.MetaMessage("set_tempo", tempo=1_000_000, time=480),
            mido.Message("note_on", note=64, velocity=30, time=480),
            mido.Message("note_off", note=64, time=240),
        ]
    )
    file = mido.MidiFile(ticks_per_beat=480, tracks=[track])
    file.save(tmp_path / "song.mid")
    roll = piano_roll(read_midi(tmp_path / "song.mid"))
    # 0.5 s; then from 2 beats of half a second and one of a whole: at 2 s, half a second long.
    assert roll == [0, 50, 60, 90, 200, 50, 64, 30]


def test_a_file_without_notes_has_an_empty_roll(tmp_path: Path) -> None:
    mido.MidiFile(tracks=[mido.MidiTrack()]).save(tmp_path / "empty.mid")
    assert piano_roll(read_midi(tmp_path / "empty.mid")) == []


def test_nothing_is_known_of_a_dataset_that_is_not_installed() -> None:
    music = music_of("a-stranger", "digest")
    assert (music.rolls, music.songs) == (None, {})
    assert "not installed" in music.why_not
