"""Options and types of options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.options import Once, completing
from bench.errors import UserError, WorkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from models.checkpoints.finetuned import FineTuned
    from models.predicting import Guess

_DEFAULT = "mt-midibert"
#: The seeds that `bench run --seeds` takes, too.
SEED = click.IntRange(0, 999_999)


def neural_methods() -> list[str]:
    """The methods that may start from a checkpoint, by which networks are known unimported."""
    from bench.registry import methods

    return [name for name, entry in methods().items() if entry.start]


#: For `shell_complete`.
complete_method = completing("models.commands.options:neural_methods")


class FiniteRange(click.FloatRange):
    """A range of numbers. Click's own lets NaN through, which is neither below nor above any."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """See `click.ParamType`."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--method NAME`, `--checkpoint FILE` and `--device NAME`."""
    for option in (
        click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda"),
        click.option(
            "--checkpoint",
            cls=Once,
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A fine-tuned network, as `bench finetune` makes it; a shipped one by default.",
        ),
        click.option(
            "--method",
            cls=Once,
            metavar="NAME",
            shell_complete=complete_method,
            help=f"The method whose shipped network to ask.  [default: {_DEFAULT}]",
        ),
    ):
        command = option(command)
    return command


def judged(
    paths: Sequence[Path], method: str | None, checkpoint: Path | None, device: str
) -> tuple[FineTuned, list[Guess], int]:
    """The network that the options name, its guesses, and how many files have none.

    Each of these is reported on standard error.

    Raises:
        UserError: there is no such network, it cannot be read, or it is another method's than was
            asked for.
        WorkError: no file has a guess.
    """
    from bench.midi_files import midi_files
    from bench.shown import shown
    from models.predicting import guess_files

    n_refused = 0

    def refuse(error: UserError) -> None:
        nonlocal n_refused
        n_refused += 1
        click.echo(f"bench: {shown(str(error))}", err=True)

    files = list(midi_files(paths))
    tuned = _network(method, checkpoint, device)
    guesses = list(guess_files(tuned.method, files, refuse))
    if not guesses:
        raise WorkError(f"none of the {n_refused} files can be judged")
    return tuned, guesses, n_refused


def _network(method: str | None, checkpoint: Path | None, device: str) -> FineTuned:
    from models.checkpoints.finetuned import find_finetuned, load_finetuned

    path = checkpoint or find_finetuned(method or _DEFAULT)
    tuned = load_finetuned(path, device=device)
    if method not in (None, tuned.name):
        raise UserError(f"{path}: a network of {tuned.name}, not of {method}")
    return tuned
