"""`bench predict`: guess the emotion of MIDI files with a fine-tuned network."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.errors import UserError
from models.commands.options import judged, network_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.checkpoints.finetuned import FineTuned
    from models.predicting import Guess


@click.command()
@click.argument(
    "paths", nargs=-1, required=True, metavar="FILE_OR_DIR...", type=click.Path(path_type=Path)
)
@network_options
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
@click.option(
    "-o",
    "--output",
    metavar="FILE.csv|FILE.json",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, instead of a table on standard output.",
)
def predict(
    *,
    paths: tuple[Path, ...],
    method: str | None,
    checkpoint: Path | None,
    device: str,
    as_json: bool,
    output: Path | None,
) -> None:
    """Guess the emotion of MIDI files: quadrant and its probabilities, valence, arousal, key.

    Valence and arousal are the probabilities that they are positive and high. The key is that of
    Krumhansl and Kessler, not a guess of the network. A piece that is longer than the network
    reads is judged as on the board: MIDIBERT takes the mean of its segments, MIDIGPT the first
    segment. Where the encoding counts in ticks, as MIDIBERT's does, and the clips that the network
    learned from have one resolution, a file is first brought to as many ticks per beat.

    Pieces come in the order of the arguments, those of a folder (.mid, .midi, at any depth) sorted
    by path. A file without an answer is named on standard error, and makes the exit code 1.

    \b
    Examples:
      bench predict song.mid
      bench predict songs/ -o emotions.csv
      bench predict song.mid --json --checkpoint mt-midibert-emopia.safetensors
    """
    from bench.files import check_writable, write_atomically
    from models.predicting import reliability

    if output is not None and output.suffix not in {".csv", ".json"}:
        raise UserError(f"{output}: the answers' file ends in .csv or .json")
    if output is not None and as_json:
        raise UserError("--json and -o: say one of them")
    if output is not None:
        check_writable(output)
    tuned, guesses, n_refused = judged(paths, method, checkpoint, device)
    if output is not None:
        write_atomically(
            output, _csv(guesses) if output.suffix == ".csv" else _json(tuned, guesses)
        )
        click.echo(reliability(tuned), err=True)
    elif as_json:
        click.echo(_json(tuned, guesses), nl=False)
    else:
        click.echo(reliability(tuned))
        _print(guesses)
    if n_refused:
        sys.exit(1)


def _csv(guesses: Sequence[Guess]) -> bytes:
    from models.predicting import COLUMNS

    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(guess.row() for guess in guesses)
    return text.getvalue().encode()


def _json(tuned: FineTuned, guesses: Sequence[Guess]) -> bytes:
    import msgspec

    document = {
        "network": {"method": tuned.name, **msgspec.to_builtins(tuned.card)},
        "pieces": [guess.row() for guess in guesses],
    }
    return (json.dumps(document, indent=1) + "\n").encode()


def _print(guesses: Sequence[Guess]) -> None:
    from models.predicting import COLUMNS

    cells = [[_plain(value) for value in guess.row().values()] for guess in guesses]
    table = [list(COLUMNS), *cells]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _plain(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "none" if value is None else str(value)
