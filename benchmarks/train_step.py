"""A training step at the paper's size: ours beside a textbook's, on the same real clips.

Run `bench data fetch emopia` once, then

    python benchmarks/train_step.py [--method midibert|midigpt] [--device cuda]

Both sides take the first EMOPIA training clips in file order, 64 of them, 16 a step, each clip cut
to the model's length, and do a whole step: forward, backward, AdamW. The textbook pads to that
length in fp32; since all its clips cost the same, it may do fewer steps, of fewer clips. The share
of the peak counts the operations a step needs (no padding, nothing computed twice) against the
best matrix product of the step's own shapes and precision, measured beside it: bf16 where the
device has units for that, fp32 elsewhere. Where attention runs on AMX our step is also done
without, in turn.

On a CPU that does other work too, set OMP_NUM_THREADS=1 and measure CPU-seconds (--cpu-time).
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch
from operations import STEP, forward_operations
from textbook import TextbookMidiBert, TextbookMidiGpt
from torch import nn

from bench.datasets import load_dataset
from models.attention import amx, implementation
from models.batching import Packing, micro_batches
from models.memory import keep_freed_memory
from models.midibert_method import MidiBertMethod
from models.midigpt_method import MidiGptMethod
from models.precision import computed
from models.training import add_gradients, new_optimiser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from models.batching import Example
    from models.network import Network
    from models.neural_method import NeuralMethod

RECIPE = MidiBertMethod().recipe  # MIDIGPT's is the same
SIZE = 16  # clips of an optimiser step
METHODS: dict[str, tuple[Callable[..., NeuralMethod], Callable[[Network], nn.Module]]] = {
    "midibert": (MidiBertMethod, TextbookMidiBert),
    "midigpt": (MidiGptMethod, TextbookMidiGpt),
}


def main() -> None:
    """Measure, and print one line of results last."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=METHODS, default="midibert")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--clips", type=int, default=64, help="how many, a multiple of 16")
    parser.add_argument("--rounds", type=int, default=2, help="times over the clips, ours")
    parser.add_argument("--textbook-steps", type=int, default=2)
    parser.add_argument("--textbook-clips", type=int, default=16, help="clips in each of them")
    parser.add_argument("--cpu-time", action="store_true", help="CPU-seconds instead of seconds")
    parser.add_argument("--profile", action="store_true", help="also print where our time goes")
    options = parser.parse_args()
    if options.cpu_time and options.device != "cpu":
        parser.error("--cpu-time says nothing of a GPU")

    factory, textbook = METHODS[options.method]
    method = factory(device=options.device)
    network = method.new_network(seed=0)
    reference = textbook(network).to(options.device)
    batches = first_clips(method, options.clips)
    n_tokens = sum(len(example) for batch in batches for example in batch)
    where = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{options.clips} clips, {n_tokens} tokens, {where}, {torch.get_num_threads()} threads")
    check_equal(network, reference, batches[0])

    clock = time.process_time if options.cpu_time else time.perf_counter
    if options.device == "cuda":
        clock = after_device
    # First, while memory is still managed as in any program.
    textbook_step = TextbookStep(reference)
    if options.device == "cuda":  # the first step loads kernels
        textbook_step(batches[0])
    fewer = [batch[: options.textbook_clips] for batch in batches[: options.textbook_steps]]
    theirs = [seconds(textbook_step, batch, clock) * SIZE / len(batch) for batch in fewer]
    print(f"textbook, fp32: {statistics.median(theirs):.3f} s a step of 16 clips")

    if options.device == "cpu":
        keep_freed_memory()
    step = OurStep(network)
    size = method.width // method.heads
    device = torch.device(options.device)
    precision = computed("bf16", device)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    kind = implementation(device, dtype, size)
    kinds = ["amx", "plain"] if kind == "amx" else [kind]
    # The first step allocates; on a GPU each layout may also load kernels.
    for batch in batches if options.device == "cuda" else batches[:1]:
        step(batch)
    needed = statistics.mean(
        STEP * forward_operations(network.backbone, map(len, batch)) for batch in batches
    )
    width, rows = network.backbone.width, n_tokens // len(batches)
    # What one is compared with is measured beside it: machines are not as fast at all times.
    ours: dict[str, list[float]] = {kind: [] for kind in kinds}
    shares: dict[str, list[float]] = {kind: [] for kind in kinds}
    peaks = []
    for _ in range(options.rounds):
        for kind in kinds:
            peaks.append(matrix_peak(device, dtype, width, rows, clock))
            with without_amx() if kind == "plain" else nullcontext():
                took = [seconds(step, batch, clock) for batch in batches]
            ours[kind] += took
            shares[kind].append(needed / statistics.mean(took) / peaks[-1])
    print(f"{needed / 1e12:.2f} TFLOP a step, peak {statistics.median(peaks) / 1e12:.2f} TFLOP/s")
    for kind in kinds:
        print(
            f"ours, {precision}, attention {kind}: {statistics.median(ours[kind]):.4f} s a step of "
            f"16 clips, {statistics.median(shares[kind]):.2f} of the peak"
        )
    for kind in kinds if options.profile else ():
        with without_amx() if kind == "plain" else nullcontext(), torch.profiler.profile() as told:
            step(batches[0])
        print(f"attention {kind}:")
        print(told.key_averages().table(sort_by=f"self_{options.device}_time_total", row_limit=25))
    ours_s = statistics.median(ours[kinds[0]])
    print(
        f"train_step method={options.method} device={options.device} precision={precision} "
        f"attention={kinds[0]} ratio={statistics.median(theirs) / ours_s:.1f} "
        f"peak_share={statistics.median(shares[kinds[0]]):.2f} clips_per_s={SIZE / ours_s:.2f}"
    )


@contextmanager
def without_amx() -> Iterator[None]:
    """Attention as on other processors."""
    is_possible, amx.is_possible = amx.is_possible, lambda *_: False
    try:
        yield
    finally:
        amx.is_possible = is_possible


class OurStep:
    """Forward, backward and AdamW, as `models.training` does them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.optimiser = new_optimiser(network, RECIPE)

    def __call__(self, batch: Sequence[Example]) -> None:
        """Do one step."""
        self.network.train()
        device = next(self.network.parameters()).device
        longest = self.network.backbone.config.max_length
        add_gradients(self.network, batch, Packing.for_device(device, longest), "bf16")
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class TextbookStep:
    """The same, the plain way."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=RECIPE.lr)

    def __call__(self, batch: Sequence[Example]) -> None:
        """Do one step."""
        self.model.train()
        self.optimiser.zero_grad()
        logits = self.model(batch)
        nn.functional.cross_entropy(logits, emotions(batch).to(logits.device)).backward()
        self.optimiser.step()


def emotions(batch: Sequence[Example]) -> torch.Tensor:
    """Labels, (n_examples,)."""
    return torch.tensor([int(example.targets["emotion"]) for example in batch])


def after_device() -> float:
    """The time when the GPU has done all that it was asked for."""
    torch.cuda.synchronize()
    return time.perf_counter()


def seconds(
    step: Callable[[Sequence[Example]], None],
    batch: Sequence[Example],
    clock: Callable[[], float],
) -> float:
    """How long a step takes."""
    begin = clock()
    step(batch)
    return clock() - begin


def first_clips(method: NeuralMethod, n: int) -> list[list[Example]]:
    """Batches of the first segments of the first training clips."""
    examples: dict[int, Example] = {}
    for example in method.labelled_examples(load_dataset("emopia").train[:n]):
        examples.setdefault(example.clip, example)
    ordered = list(examples.values())
    return [ordered[i : i + SIZE] for i in range(0, n, SIZE)]


def check_equal(network: Network, reference: nn.Module, batch: Sequence[Example]) -> None:
    """Both sides compute the same: the losses of two clips agree in fp32."""
    network.eval()
    reference.eval()
    pair = batch[:2]
    device = next(network.parameters()).device
    with torch.no_grad():
        theirs = nn.functional.cross_entropy(reference(pair), emotions(pair).to(device))
        (micro,) = (m.to(device) for m in micro_batches(pair, Packing()))
        ours = nn.functional.cross_entropy(network(micro)["emotion"], micro.targets["emotion"])
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=0)


def matrix_peak(
    device: torch.device,
    dtype: torch.dtype,
    width: int,
    rows: int,
    clock: Callable[[], float],
    rounds: int = 20,
) -> float:
    """The best rate seen over the products of a feed-forward part, operations a second."""
    x = torch.randn(rows, width, dtype=dtype, device=device)
    w = torch.randn(4 * width, width, dtype=dtype, device=device)
    y = torch.randn(rows, 4 * width, dtype=dtype, device=device)
    repeats = 1 if device.type == "cpu" else 50  # so that starting one counts for nothing
    best = 0.0
    for _ in range(rounds):
        for product in (lambda: x @ w.T, lambda: y @ w, lambda: y.T @ x):
            begin = clock()
            for _ in range(repeats):
                product()
            best = max(best, repeats * 2 * rows * 4 * width**2 / (clock() - begin))
    return best


if __name__ == "__main__":
    main()
