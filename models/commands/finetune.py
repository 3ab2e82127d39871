"""`bench finetune`: train a neural method as a cell does, and keep its network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import Once, changes_option, completing, results_option, suite_option
from models.commands.options import SEED, complete_method

if TYPE_CHECKING:
    from bench.cells import Cell
    from bench.records import Record


@click.command()
@click.argument("method", shell_complete=complete_method)
@click.option(
    "--dataset",
    cls=Once,
    default="emopia",
    show_default=True,
    shell_complete=completing("bench.datasets:dataset_names"),
    help="What to learn from: any that `bench ls datasets` lists, also where the suite has others.",
)
@suite_option("lite")
@click.option("--seed", cls=Once, type=SEED, default=0, show_default=True)
@changes_option()
@results_option()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The checkpoint, .safetensors; ./METHOD-DATASET.safetensors by default.",
)
def finetune(
    *,
    method: str,
    dataset: str,
    suite: str,
    seed: int,
    changes: tuple[str, ...],
    results: Path,
    output: Path | None,
) -> None:
    """Train a neural METHOD just as `bench run` does, and keep its network.

    `bench predict` and `bench score` ask such a network about any MIDI file. A model card is
    written beside it. Where the cell's record is among the --results, its predictions are
    compared.

    \b
    Examples:
      bench finetune mt-midibert --dataset emopia --seed 0
      bench finetune midibert --dataset synthetic --suite smoke -o tiny.safetensors
    """
    import msgspec

    from bench.cells import parse_changes, plan
    from bench.cli.bar import progress_bar
    from bench.cli.data import fetch_missing
    from bench.datasets import dataset_names
    from bench.names import pick
    from bench.suites import load_suite
    from models.finetuning import check_order
    from models.finetuning import finetune as run

    chosen = load_suite(suite)
    pick(dataset, dataset_names(), "dataset", see="bench ls datasets")
    (cell,) = plan(
        msgspec.structs.replace(chosen, datasets=[dataset]),
        method=pick(method, chosen.methods, "method", see="bench ls methods"),
        seeds=[seed],
        changes=parse_changes(changes),
    )
    target = output or Path(f"{method}-{dataset}.safetensors")
    check_order(cell, target)
    fetch_missing([dataset])
    with progress_bar(str(cell)) as tell:
        record = run(cell, target, _command(method, dataset, suite, seed, changes), tell)
    click.echo(
        f"wrote {target} and {target.with_suffix('.md').name}: accuracy "
        f"{100 * record.scores.accuracy:.2f} %, macro-F1 {record.scores.macro_f1:.4f} over "
        f"{record.scores.n:,} test clips"
    )
    _compare(cell, record, results)


def _command(method: str, dataset: str, suite: str, seed: int, changes: tuple[str, ...]) -> str:
    """A command line that asks for the same, with files named without their folders."""
    import shlex

    from bench.shown import shown
    from bench.starts import START

    words = ["bench", "finetune", method, "--dataset", dataset, "--suite", Path(suite).name]
    words += ["--seed", str(seed)]
    for text in changes:
        key, _, value = text.partition("=")
        words += ["--changes", f"{key}={Path(value).name if key == START else value}"]
    return shown(shlex.join(words))


def _compare(cell: Cell, record: Record, results: Path) -> None:
    """Say whether the record on the board is of this very network."""
    from bench.store import Store, read_record

    if Store(results).is_done(cell):
        path = results / cell.path
        if read_record(path).predictions == record.predictions:
            click.echo(f"its predictions are those in {path}")
        else:
            click.echo(f"its predictions differ from those in {path}: was that another machine?")
