"""What bf16 changes: the test metrics of a method's cells in bf16 and in fp32, seed by seed.

Run `bench data fetch emopia` once, then

    python benchmarks/precision.py [--method NAME] [--dataset NAME] [--suite NAME] [--seeds N]

For each seed a cell of the suite is run twice, with the same weights at first, the same order of
clips and the same dropout; the precision alone differs. Training amplifies the least difference, so
a change is held against what another seed would have changed: both are root mean squares, one over
the seeds, of bf16 less fp32, the other over all pairs of seeds in fp32. Differences of means tell
of a bias. Figures are points of per cent.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import torch

from bench.cells import plan
from bench.execution import run_cell
from bench.methods import silent
from bench.suites import load_suite

if TYPE_CHECKING:
    from bench.cells import Cell
    from bench.scoring import Scores

METRICS = ("accuracy", "macro_f1", "valence_accuracy", "arousal_accuracy")


def main() -> None:
    """Run all cells, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", default="midibert")
    parser.add_argument("--dataset", default="emopia")
    parser.add_argument("--suite", default="lite")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds: seed noise needs two at least")

    scores = {
        precision: [
            run(cell, precision)
            for cell in plan(
                load_suite(options.suite),
                method=options.method,
                dataset=options.dataset,
                seeds=range(options.seeds),
                changes={"precision": precision},
            )
        ]
        for precision in ("bf16", "fp32")
    }
    results = []
    for metric in METRICS:
        bf16, fp32 = (
            100 * np.array([getattr(score, metric) for score in scores[precision]])
            for precision in ("bf16", "fp32")
        )
        change = float(np.sqrt(np.mean((bf16 - fp32) ** 2)))
        # The mean square of the difference of two draws is twice the variance.
        noise = float(np.sqrt(2 * fp32.var(ddof=1)))
        bias = float(bf16.mean() - fp32.mean())
        print(f"{metric}: bf16 changes {change:.2f} ({bias:+.2f} in the mean), a seed {noise:.2f}")
        results.append(f"{metric}_change={change:.2f} {metric}_noise={noise:.2f}")
    print(f"precision method={options.method} dataset={options.dataset} {' '.join(results)}")


def run(cell: Cell, precision: str) -> Scores:
    """The cell's test scores, over clips."""
    torch.set_num_threads(cell.threads)
    record = run_cell(cell, silent)
    shown = " ".join(f"{metric}={100 * getattr(record.scores, metric):.2f}" for metric in METRICS)
    seconds = record.provenance.cpu_seconds
    print(f"seed {cell.seed} {precision}: {shown} ({seconds:.0f} CPU-s)", flush=True)
    return record.scores


if __name__ == "__main__":
    main()
