"""`bench pretrain`: learn a starting point from unlabelled MIDI files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.cli.options import changes_option, completing, suite_option
from models.commands.options import SEED, FiniteRange, complete_method
from models.pretraining.order import DEFAULT_MINUTES, Order

#: Beyond these a number is a slip: a year, and some hundred times the default.
_MOST_MINUTES = 366 * 24 * 60
_MOST_BATCH_TOKENS = 1_000_000


@click.command()
@click.argument("method", shell_complete=complete_method)
@suite_option("lite")
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="DIR|ARCHIVE",
    type=click.Path(path_type=Path),
    help="A folder, or a zip or tar archive, of MIDI files; may be given several times.",
)
@click.option(
    "--train-split",
    "train_splits",
    multiple=True,
    metavar="DATASET",
    shell_complete=completing("bench.datasets:dataset_names"),
    help="Learn from a dataset's train clips, too; may be given several times.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps.")
@click.option(
    "--minutes",
    type=FiniteRange(0, _MOST_MINUTES, min_open=True),
    help="Instead of --steps: as many as take about so long here, timed first. "
    f"[default: {DEFAULT_MINUTES:g}]",
)
@click.option(
    "--batch-tokens",
    type=click.IntRange(1, _MOST_BATCH_TOKENS),
    default=Order.batch_tokens,
    show_default=True,
)
@click.option("--lr", type=FiniteRange(min=0), default=Order.lr, show_default=True)
@click.option(
    "--warmup-steps", type=click.IntRange(min=0), default=Order.warmup_steps, show_default=True
)
@click.option(
    "--dropout",
    type=FiniteRange(0, 1, max_open=True),
    default=Order.dropout,
    show_default=True,
)
@click.option(
    "--mask-share",
    type=FiniteRange(0, 1, min_open=True),
    default=Order.mask_share,
    show_default=True,
    help="Share of notes that MIDIBERT has to guess.",
)
@click.option(
    "--transpose",
    default=Order.transpose,
    show_default=True,
    help="Move windows by at most so many semitones.",
)
@click.option(
    "--stretch",
    type=FiniteRange(1, 2),
    default=Order.stretch,
    show_default=True,
    help="Stretch or press time by a factor of at most this; for performances, not scores.",
)
@click.option("--seed", type=SEED, default=Order.seed, show_default=True)
@click.option(
    "--every",
    type=click.IntRange(min=1),
    default=Order.every,
    show_default=True,
    help="Steps between two looks at the held-out pieces; the run is saved then, too.",
)
@click.option("--device", default=Order.device, show_default=True, metavar="auto|cpu|cuda")
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="CORPUS=TEXT",
    help="A corpus's licence, for the model card, such as 'pop909.tar.xz=MIT'.",
)
@changes_option()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The checkpoint, .safetensors; ./METHOD-SUITE.safetensors by default.",
)
def pretrain(**options: Any) -> None:
    """Learn a starting point for a neural METHOD from unlabelled MIDI files.

    Its backbone has the sizes that the suite gives the method, and reads what the method reads.
    Files are encoded once and kept. A run that was killed goes on when the same command is given
    again. Valid and test clips of the datasets are refused.

    \b
    Examples:
      bench pretrain midibert --corpus pop909.tar.xz --corpus ~/midi --minutes 20
      bench pretrain midigpt --suite paper --corpus ~/midi --steps 100000 --lr 1e-4
    """
    from models.pretraining.session import run_order

    run_order(Order(**options))
