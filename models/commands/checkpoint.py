"""`bench checkpoint`: describe a checkpoint, or import the released MidiBERT-Piano one."""

from __future__ import annotations

from pathlib import Path

import click

from bench.errors import UserError


@click.group()
def checkpoint() -> None:
    """Weights: those that fine-tuning begins with, and those that it ends with."""


@checkpoint.command(name="import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The checkpoint, .safetensors; PATH with that ending by default.",
)
@click.option(
    "--inductive",
    is_flag=True,
    help="The weights have seen no test clip. Without it the checkpoint counts as transductive: "
    "the release was pre-trained on EMOPIA, test clips included.",
)
def import_(*, path: Path, output: Path | None, inductive: bool) -> None:
    """Convert a checkpoint of the MidiBERT-Piano code (pretrain_model.ckpt) to safetensors.

    Never start from its fine-tuned emotion checkpoint: that one has learned from test clips'
    labels.

    \b
    Example:
      bench checkpoint import pretrain_model.ckpt -o midibert-release.safetensors
      bench run --suite paper --method midibert --changes start=./midibert-release.safetensors
    """
    from models.checkpoints.released import import_released

    if path.is_dir():  # of which some, such as ".", have no name to give a suffix to
        raise UserError(f"{path}: a folder: name the checkpoint, such as pretrain_model.ckpt")
    target = output or path.with_suffix(".safetensors")
    ignored = import_released(path, target, inductive=inductive)
    click.echo(f"wrote {target}")
    for name in ignored:
        click.echo(f"  not used by the model: {name}")


@checkpoint.command()
@click.argument("file", metavar="FILE|NAME", type=click.Path(path_type=Path, dir_okay=False))
def info(*, file: Path) -> None:
    """Show what a checkpoint is, and where its weights come from.

    NAME is that of one that is shipped; a file of that name comes first.

    \b
    Examples:
      bench checkpoint info midibert-lite
      bench checkpoint info mt-midibert-emopia.safetensors
    """
    import json

    from models.checkpoints.finetuned import describe

    click.echo(json.dumps(describe(_found(file)), indent=1, ensure_ascii=False))


def _found(file: Path) -> Path:
    """The file, or the shipped checkpoint of that name.

    Raises:
        UserError: it can only be a name, and none is shipped under it; names the nearest.
    """
    from bench.names import pick
    from models.checkpoints import shipped

    if file.exists() or file.suffix or file.parent != Path():
        return file
    known = shipped() | shipped(finetuned=True)
    return known[pick(file.name, known, "checkpoint")]
