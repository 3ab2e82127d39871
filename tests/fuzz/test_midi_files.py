"""Any MIDI file gets an answer or one clear line, in bounded time and memory.

`SMER_BENCH_MUTANTS` sets how many mutants are tried; from 10,000 on, storms have full strength.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import mutants
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import Event, Song, mutant
from storms import midi_file
from survive import failures

from bench.midi import LARGEST_FILE, MidiError, parse_midi, read_bytes, read_midi

N_MUTANTS = int(os.environ.get("SMER_BENCH_MUTANTS", "150"))
FULL_STRENGTH = 10_000  # mutants


def survivors(*arguments: object) -> tuple[int, int]:
    """How many files had notes, and of how many, where nothing went wrong."""
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(here / "survive.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=3600,  # of all files; each has its own limit
    )
    *failed, last = done.stdout.splitlines() or [""]
    assert (failed, done.returncode) == ([], 0), f"{done.stdout}{done.stderr[-2000:]}"
    with_notes, _, n, *_ = last.split()
    return int(with_notes), int(n)


def test_mutants_get_an_answer_or_one_line() -> None:
    with_notes, n = survivors("mutants", 0, N_MUTANTS)
    assert n == N_MUTANTS
    assert with_notes > n / 3  # else what lies behind the reader goes untested


def test_so_do_storms() -> None:
    with_notes, n = survivors("storms", 1 if N_MUTANTS >= FULL_STRENGTH else 0.002)
    assert n > 20
    assert with_notes >= n - 3  # some are larger than a file may be


_STATUS = st.sampled_from([0x80, 0x90, 0x90, 0xB0, 0xC0, 0xE0])
_BYTE = st.sampled_from([0, 1, 7, 60, 61, 64, 72, 127])
_MESSAGES = st.one_of(
    st.builds(
        lambda status, channel, a, b: bytes([status | channel, a, b])[: 2 if status == 0xC0 else 3],
        _STATUS,
        st.sampled_from([0, 1, 9]),
        _BYTE,
        _BYTE,
    ),
    st.integers(0, 0xFFFFFF).map(lambda tempo: b"\xff\x51\x03" + tempo.to_bytes(3, "big")),
    st.binary(min_size=4, max_size=4).map(lambda metre: b"\xff\x58\x04" + metre),
)
_EVENTS = st.builds(
    Event, st.sampled_from([0, 0, 1, 60, 480, 1 << 20, mutants.LONGEST_STEP]), _MESSAGES
)
_SONGS = st.builds(
    Song,
    st.just(1),
    st.sampled_from([1, 24, 480, 0x7FFF]),
    st.lists(st.lists(_EVENTS, max_size=12), min_size=1, max_size=3),
)


@settings(max_examples=60)
@given(_SONGS)
def test_songs_that_hypothesis_thinks_up_do_as_well(song: Song) -> None:
    data = song.to_bytes()
    parse_midi(data)
    assert not list(failures(data))


def test_a_mutant_is_a_function_of_its_number() -> None:
    assert mutant(17) == mutant(17)
    assert len({mutant(number) for number in range(50)}) > 45


@pytest.mark.parametrize("size", [(1 << 16) - 1, 1 << 16, (1 << 16) + 1, LARGEST_FILE])
def test_files_up_to_the_largest_are_read(size: int, tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_bytes(midi_file(b"\x60\xff\1\0").ljust(size, b"\0"))
    assert read_midi(path).n_ticks == 0x60
    assert read_bytes(path) == path.read_bytes()


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    path.write_bytes(midi_file(b"").ljust(LARGEST_FILE + 1, b"\0"))
    with pytest.raises(MidiError, match=r"song\.mid: .* it is larger than 8,388,608 bytes"):
        read_midi(path)


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(MidiError, match="/dev/zero: "):
        read_midi(Path("/dev/zero"))
