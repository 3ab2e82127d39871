"""Clips per CPU-second: the native jSymbolic features beside the program's own.

    python benchmarks/features.py [--clips N] [--rounds N]

Takes EMOPIA from SMER_BENCH_MIRROR, or from where `bench data fetch emopia` has put it. Reading a
file counts as work on both sides. Each clip counts with its fastest round: what a busy machine
adds is not the code's. Where SMER_BENCH_JSYMBOLIC names jSymbolic's jar, the program runs over the
same clips and its values are compared with the native ones; else the comparison is with what it was
measured to do over EMOPIA on another machine of this class, with two cores.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np

from baselines.jsymbolic.native.catalogue import COLUMNS, extract
from baselines.jsymbolic.program import JAR_VARIABLE, find_program
from bench.datasets import load_dataset
from bench.midi import parse_midi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

MEASURED_ELSEWHERE = 4.9  # the program's clips per CPU-second
TARGET = 20  # times as fast
BATCH = 64  # clips of one run of the program


def emopia() -> list[bytes]:
    """The MIDI files of EMOPIA, in the order of their names."""
    mirror = os.environ.get("SMER_BENCH_MIRROR")
    if not mirror:
        return [clip.path.read_bytes() for clip in load_dataset("emopia").clips]
    with ZipFile(Path(mirror) / "EMOPIA_2.2.zip") as archive:
        names = [name for name in archive.namelist() if "/midis/" in name]
        return [archive.read(name) for name in sorted(names) if name.endswith(".mid")]


def time_native(clips: list[bytes], rounds: int) -> tuple[FloatArray, FloatArray]:
    """CPU-seconds of every clip in every round, and the values."""
    seconds = np.empty((rounds, len(clips)))
    values = np.empty((len(clips), len(COLUMNS)))
    extract(parse_midi(clips[0]))  # imports are no work of a clip
    for i in range(rounds):
        for k, clip in enumerate(clips):
            begin = time.process_time()
            values[k] = extract(parse_midi(clip))
            seconds[i, k] = time.process_time() - begin
    return seconds, values


def run_program(clips: list[bytes]) -> tuple[float, FloatArray]:
    """CPU-seconds of all clips, starts of Java among them, and the values; nan for no row."""
    program = find_program()
    values = np.full((len(clips), len(COLUMNS)), np.nan)
    begin = resource.getrusage(resource.RUSAGE_CHILDREN)
    for first in range(0, len(clips), BATCH):
        outcome = program.run(clips[first : first + BATCH], Event())
        for i, row in outcome.rows.items():
            values[first + i] = row
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime, values


def main() -> None:
    """Measure, compare, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, help="only so many, spread over the dataset")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    clips = emopia()
    if arguments.clips:
        clips = clips[:: max(1, len(clips) // arguments.clips)][: arguments.clips]
    seconds, values = time_native(clips, arguments.rounds)
    rate = len(clips) / seconds.min(axis=0).sum()
    print(f"EMOPIA, {len(clips):,} clips, {len(COLUMNS):,} values each")
    all_rounds = ", ".join(f"{len(clips) / total:.1f}" for total in seconds.sum(axis=1))
    print(f"native       {rate:8.1f} clips per CPU-second (whole rounds: {all_rounds})")
    if os.environ.get(JAR_VARIABLE):
        spent, theirs = run_program(clips)
        reference = len(clips) / spent
        print(f"the program  {reference:8.1f} clips per CPU-second")
        missing = int(np.isnan(theirs).all(axis=1).sum())
        scale = np.maximum(np.abs(values), 1e-9)
        worst = float(np.nanmax(np.abs(values - theirs) / scale))
        print(f"largest relative difference {worst:.1e} (its files have four digits)")
        print(f"clips without a row from the program: {missing}")
    else:
        reference = MEASURED_ELSEWHERE
        print(f"the program  {reference:8.1f} clips per CPU-second, measured elsewhere")
    print(f"the aim is {TARGET} times as fast")
    print(f"features ratio={rate / reference:.1f} clips_per_cpu_s={rate:.1f}")


if __name__ == "__main__":
    main()
