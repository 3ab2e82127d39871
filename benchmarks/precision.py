"""What bf16 changes: the test metrics of a method's cells in bf16 and in fp32, seed by seed.

Run the cells of a suite whose precision is bf16, then the same in fp32, and compare their records:

    bench run --method midibert --dataset emopia --seeds 0-4
    bench run --method midibert --dataset emopia --seeds 0-4 --changes precision=fp32
    python benchmarks/precision.py [--method NAME] [--dataset NAME] [--suite NAME] [--results DIR]

The two cells of a seed have the same weights at first, the same order of clips and the same
dropout; the precision alone differs. Training amplifies the least difference, so a change is held
against what another seed would have changed: both are root mean squares, one over the seeds, of
bf16 less fp32, the other over all pairs of seeds in fp32. Differences of means tell of a bias.
Probabilities are those of every test clip and quadrant. Figures are points of per cent.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.cells import plan
from bench.store import Store, read_record
from bench.suites import load_suite

if TYPE_CHECKING:
    from numpy.typing import NDArray

METRICS = ("accuracy", "macro_f1", "valence_accuracy", "arousal_accuracy")


def main() -> None:
    """Compare, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", default="midibert")
    parser.add_argument("--dataset", default="emopia")
    parser.add_argument("--suite", default="lite")
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args()

    store = Store(options.results)
    half, full = (
        {
            cell.seed: record
            for cell in plan(
                load_suite(options.suite),
                method=options.method,
                dataset=options.dataset,
                changes={"precision": precision},
            )
            if store.is_done(cell)
            and (record := read_record(options.results / cell.path))
            # What asks for bf16 computes in fp32 where there are no units for it.
            and record.details["precision"] == precision
        }
        for precision in ("bf16", "fp32")
    )
    seeds = sorted(half.keys() & full.keys())
    if len(seeds) < 2:
        parser.error("two seeds at least must have been run in both precisions")
    results = []
    for metric in METRICS:
        bf16, fp32 = (
            100 * np.array([getattr(records[seed].scores, metric) for seed in seeds])
            for records in (half, full)
        )
        change, noise = changes(bf16, fp32)
        bias = float(bf16.mean() - fp32.mean())
        print(f"{metric}: bf16 changes {change:.2f} ({bias:+.2f} in the mean), a seed {noise:.2f}")
        results.append(f"{metric}_change={change:.2f} {metric}_noise={noise:.2f}")
    bf16, fp32 = (
        100 * np.stack([records[seed].table.probabilities for seed in seeds])
        for records in (half, full)
    )
    change, noise = changes(bf16, fp32)
    print(f"probabilities: bf16 changes {change:.2f}, a seed {noise:.2f}")
    results.append(f"probabilities_change={change:.2f} probabilities_noise={noise:.2f}")
    print(
        f"precision method={options.method} dataset={options.dataset} seeds={len(seeds)} "
        f"{' '.join(results)}"
    )


def changes(bf16: NDArray[np.float64], fp32: NDArray[np.float64]) -> tuple[float, float]:
    """What bf16 changes, and what another seed does; root mean squares, seeds in the first axis."""
    change = np.sqrt(np.mean((bf16 - fp32) ** 2))
    # The mean square of the difference of two draws is twice the variance.
    noise = np.sqrt(2 * fp32.var(axis=0, ddof=1).mean())
    return float(change), float(noise)


if __name__ == "__main__":
    main()
