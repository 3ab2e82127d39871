"""Seconds to prepare both datasets: read every clip, label it, encode it both ways, keep the lot.

Run `bench data fetch` once, then

    python benchmarks/prepare.py [--rounds N]

Prepared are all 8,258 clips of EMOPIA and VGMIDI: keys, compound words with velocity classes, and
performance words, in the cache under their content. Each round runs twice in a new process, cold
with an empty cache folder of its own, then warm with what the cold run has left there; both must
give the same values. A run's time begins after the imports and ends when all values are in memory
and, where it computed them, on disk. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from bench.datasets import load_dataset
from bench.datasets.builtin import SOURCES
from bench.derived import derive_all
from bench.keys import KEY
from models.tokens.compound import COMPOUND, VELOCITY
from models.tokens.performance import PERFORMANCE


def main() -> None:
    """Measure, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", action="store_true", help="one run in this process, as JSON")
    options = parser.parse_args()
    if options.once:
        print(json.dumps(prepare()))
        return
    runs: dict[str, list[dict[str, Any]]] = {"cold": [], "warm": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as cache:
            for state in runs:
                runs[state].append(run_once(cache))
                print(f"{state}: {runs[state][-1]['seconds']:.2f} s", flush=True)
    told = [*runs["cold"], *runs["warm"]]
    (values,) = {(run["clips"], run["notes"], run["words"], run["digest"]) for run in told}
    print(f"{values[0]:,} clips, {values[1]:,} compound words, {values[2]:,} performance words")
    cold, warm = (statistics.median(run["seconds"] for run in told) for told in runs.values())
    print(f"prepare cold_s={cold:.2f} warm_s={warm:.2f} cores={os.cpu_count()}")


def run_once(cache: str) -> dict[str, Any]:
    """`prepare` in a new process, with its cache in the given folder."""
    command = [sys.executable, __file__, "--once"]
    environment = {**os.environ, "SMER_BENCH_CACHE": cache}
    told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


def prepare() -> dict[str, Any]:
    """Prepare all clips; the seconds it took, and what came out."""
    begin = time.perf_counter()
    clips = {name: load_dataset(name).clips for name in SOURCES}
    prepared = [derive_all(part, [KEY, COMPOUND, VELOCITY, PERFORMANCE]) for part in clips.values()]
    seconds = time.perf_counter() - begin
    digest = hashlib.sha256()
    for values in prepared:
        for column in values:
            for value in column:
                digest.update(value.tobytes())
    return {
        "seconds": seconds,
        "clips": sum(map(len, clips.values())),
        "notes": sum(len(value) for _, compound, *_ in prepared for value in compound),
        "words": sum(len(value) for *_, words in prepared for value in words),
        "digest": digest.hexdigest(),
    }


if __name__ == "__main__":
    main()
