"""Generated music in which emotion is expressed as music psychology says it is, with overlap.

Valence is heard in mode and register, arousal in tempo, density and velocity (after Gabrielsson and
Lindström, 2010, "The role of structure in the musical expression of emotions"). Every cue
is drawn per song around a centre that its quadrant sets, and spreads into the other's, so no cue
decides alone. A clip is four bars of 4/4: a chord in each bar, a bass, and a melody.

The clips are made of integers and of `random.Random.random` alone, which Python keeps the same
across versions and systems, so the files are the same bytes everywhere. A manifest says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from bench.datasets.builtin import built_in_manifest
from bench.datasets.smf import SmfNote, smf_bytes
from bench.datasets.storage import dataset_folder, locked, replacing
from bench.datasets.verify import problems
from bench.labels import HIGH_AROUSAL, HIGH_VALENCE, N_QUADRANTS, QUADRANTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BEAT = 480
_BAR = 4 * _BEAT
_N_BARS = 4

_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_HARMONIC_MINOR = (0, 2, 3, 5, 7, 8, 11)
#: Chord roots by bar, as degrees of the scale; each begins and ends on the tonic.
_PROGRESSIONS = ((0, 3, 4, 0), (0, 4, 3, 0), (0, 5, 4, 0), (0, 4, 0, 0))
#: The lengths into which a beat or two of melody are cut, from sparse to dense.
_RHYTHMS = (
    (2 * _BEAT,),
    (_BEAT, _BEAT),
    (_BEAT, _BEAT // 2, _BEAT // 2),
    (_BEAT // 2,) * 4,
    (_BEAT // 2, _BEAT // 2, _BEAT // 4, _BEAT // 4, _BEAT // 2),
)

#: Of 15 songs of a quadrant, 9 train, 2 validate and 4 test.
_SPLIT_OF_SONG = ("train",) * 9 + ("valid",) * 2 + ("test",) * 4


@dataclass(frozen=True, slots=True)
class SyntheticClip:
    """One generated clip."""

    id: str
    song: str
    split: str
    quadrant: int  # 0..3
    content: bytes  # of its MIDI file


@dataclass(frozen=True, slots=True)
class _Song:
    """What the clips of a song share."""

    tonic: int  # MIDI pitch of the melody's tonic
    scale: tuple[int, ...]
    beats_per_minute: int
    velocity: int
    density: int  # index of the middle of the rhythms used


def compose(
    *, seed: int = 6, songs_per_quadrant: int = 15, clips_per_song: int = 4
) -> Iterator[SyntheticClip]:
    """Generate clips, each a function of the seed and its own id alone."""
    for number in range(songs_per_quadrant):
        for quadrant in range(N_QUADRANTS):
            name = f"{QUADRANTS[quadrant]}_song{number:02}"
            song = _compose_song(Random(f"{seed}/{name}"), quadrant)  # noqa: S311  # no secret
            for i in range(clips_per_song):
                clip = f"{name}_{i}"
                notes = list(_compose_clip(Random(f"{seed}/{clip}"), song))  # noqa: S311  # likewise
                content = smf_bytes(
                    notes,
                    ticks_per_beat=_BEAT,
                    microseconds_per_beat=60_000_000 // song.beats_per_minute,
                )
                split = _SPLIT_OF_SONG[number % len(_SPLIT_OF_SONG)]
                yield SyntheticClip(clip, name, split, quadrant, content)


def install(*, mend: bool = False) -> Path:
    """Generate the default clips into the data folder, unless they are there.

    Args:
        mend: also replace clips whose content is wrong, not only missing ones.

    Returns:
        The folder of the clips.

    Raises:
        UserError: it cannot be written.
    """
    manifest = built_in_manifest("synthetic")
    folder = dataset_folder(manifest)

    def lacking() -> bool:
        return bool(problems(manifest.expected(folder)) if mend else manifest.missing(folder))

    if not lacking():
        return folder
    with locked(folder):
        if lacking():  # else another process was faster
            with replacing(folder) as partial:
                for clip in compose():
                    file = partial / manifest.file.replace("{id}", clip.id)
                    file.write_bytes(clip.content)
    return folder


def _compose_song(random: Random, quadrant: int) -> _Song:
    valence = 1 if HIGH_VALENCE[quadrant] else -1
    arousal = 1 if HIGH_AROUSAL[quadrant] else -1
    usual, other = (_MAJOR, _HARMONIC_MINOR) if valence > 0 else (_HARMONIC_MINOR, _MAJOR)
    return _Song(
        tonic=_around(random, 67 + 4 * valence, 6),
        scale=usual if _below(random, 10) else other,
        beats_per_minute=_around(random, 108 + 18 * arousal, 32),
        velocity=_around(random, 74 + 10 * arousal, 20),
        density=min(max(_around(random, 2 + arousal, 1), 0), len(_RHYTHMS) - 1),
    )


def _compose_clip(random: Random, song: _Song) -> Iterator[list[SmfNote]]:
    """The melody and the accompaniment."""
    progression = _PROGRESSIONS[_below(random, len(_PROGRESSIONS))]
    loudness = song.velocity + _around(random, 0, 6)

    def note(onset: int, length: int, pitch: int, softer: int) -> SmfNote:
        velocity = min(max(loudness - softer + _around(random, 0, 5), 1), 127)
        return SmfNote(onset, onset + length, pitch, velocity)

    melody = []
    degree = 0
    onset = 0
    while onset < _N_BARS * _BAR:
        nearby = min(max(song.density + _around(random, 0, 1), 0), len(_RHYTHMS) - 1)
        for length in _RHYTHMS[nearby]:
            root = progression[onset // _BAR]
            if onset % _BAR == 0:  # a tone of the chord on the first beat of each bar
                degree = root + (0, 2, 4)[_below(random, 3)]
            else:
                degree = min(max(degree + _around(random, 0, 2), -4), 10)
            melody.append(note(onset, length, _pitch(song, degree), softer=0))
            onset += length
    yield melody

    accompaniment = []
    for bar, root in enumerate(progression):
        begin = bar * _BAR
        for beat in (0, 2):
            bass = _pitch(song, root) - 24
            accompaniment.append(note(begin + beat * _BEAT, 2 * _BEAT, bass, softer=8))
        for third in (0, 2, 4):
            pitch = _pitch(song, root + third) - 12
            accompaniment.append(note(begin, _BAR, pitch, softer=14))
    yield accompaniment


def _pitch(song: _Song, degree: int) -> int:
    octave, step = divmod(degree, len(song.scale))
    return song.tonic + 12 * octave + song.scale[step]


def _below(random: Random, n: int) -> int:
    """An integer in 0..n-1, all equally likely (but for one part in 2**50)."""
    return int(random.random() * n)


def _around(random: Random, centre: int, spread: int) -> int:
    """An integer in centre-spread..centre+spread, the middle the likeliest: two dice."""
    return centre - spread + _below(random, spread + 1) + _below(random, spread + 1)
