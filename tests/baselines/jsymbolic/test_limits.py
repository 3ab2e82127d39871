"""Music that nobody wrote: memory stays bounded, and there is an answer or a reason."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import resource, sys
import numpy as np
from baselines.jsymbolic.native.catalogue import extract
from bench.midi import MidiError, parse_midi
from bench.datasets.smf import SmfNote, smf_bytes
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
last = (1 << 28) - 1  # the longest step between two events
songs = {
    "longest note": [SmfNote(0, last, 60, 80), SmfNote(last, last + 480, 62, 80)],
    "longest notes": [SmfNote(i * last, (i + 1) * last, 60, 80) for i in range(500)],
    "longest rest": [SmfNote(0, 480, 60, 80), SmfNote(last, last + 480, 62, 80)],
    "cascade": [SmfNote(2 * i, 2 * i + 1, i % 128, 80) for i in range(100_000)],
}
midi = parse_midi(smf_bytes([songs[sys.argv[1]]]))
try:
    assert np.isfinite(extract(midi)[0])
    print("values", end=" ")
except MidiError as error:
    print(error, end=" ")
"""


@pytest.mark.parametrize(
    ("music", "answer"),
    [
        ("longest note", "values"),
        ("longest rest", "values"),
        ("longest notes", "too long: more than 1,000,000 windows"),
        ("cascade", "too many notes: what sounds changes 200,000 times"),
    ],
)
def test_a_gigabyte_is_enough(music: str, answer: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, music], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(answer)
