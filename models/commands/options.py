"""Options of the commands that ask a fine-tuned network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.checkpoints.finetuned import FineTuned

_DEFAULT = "mt-midibert"


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--method NAME`, `--checkpoint FILE` and `--device NAME`."""
    for option in (
        click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda"),
        click.option(
            "--checkpoint",
            metavar="FILE",
            type=click.Path(path_type=Path, dir_okay=False),
            help="A fine-tuned network, as `bench finetune` makes it; a shipped one by default.",
        ),
        click.option(
            "--method",
            metavar="NAME",
            help=f"The method whose shipped network to ask.  [default: {_DEFAULT}]",
        ),
    ):
        command = option(command)
    return command


def chosen_network(method: str | None, checkpoint: Path | None, device: str) -> FineTuned:
    """The network that the options name.

    Raises:
        UserError: there is none, it cannot be read, or it is another method's than was asked for.
    """
    from models.checkpoints.finetuned import find_finetuned, load_finetuned

    path = checkpoint or find_finetuned(method or _DEFAULT)
    tuned = load_finetuned(path, device=device)
    if method not in (None, tuned.name):
        raise UserError(f"{path}: a network of {tuned.name}, not of {method}")
    return tuned


class Refusals:
    """Tells of the files that had no answer, a line each, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, error: UserError) -> None:
        """One more file is left out."""
        from bench.shown import shown

        self.count += 1
        click.echo(f"bench: {shown(str(error))}", err=True)
