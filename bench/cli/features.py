"""`bench features`: one row of features for each MIDI file."""

from __future__ import annotations

import csv
import importlib.util
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import Once
from bench.errors import UserError, WorkError
from bench.files import check_writable, write_atomically
from bench.shown import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.command()
@click.argument("paths", nargs=-1, metavar="FILE_OR_DIR...", type=click.Path(path_type=Path))
@click.option(
    "--from-file",
    "listing",
    metavar="LIST",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A text file with one more file or folder per line.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE.csv|FILE.parquet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The table to write; without it, CSV on standard output.",
)
@click.option(
    "--extractor",
    default="native",
    show_default=True,
    metavar="NAME",
    help="native; jsymbolic, the program itself; or one that another package brings.",
)
@click.option(
    "--jsymbolic-jar",
    "jar",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="jSymbolic2.jar, for --extractor jsymbolic; by default SMER_BENCH_JSYMBOLIC.",
)
@click.option(
    "--features",
    "pattern",
    cls=Once,
    default="*",
    show_default=True,
    metavar="GLOB",
    help="Features by name, code or column, such as 'Beat Histogram*' or 'P-*'.",
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Processes at once.")
@click.option("--no-cache", is_flag=True, help="Compute anew, and keep nothing.")
def features(
    *,
    paths: tuple[Path, ...],
    listing: Path | None,
    output: Path | None,
    extractor: str,
    jar: Path | None,
    pattern: str,
    jobs: int | None,
    no_cache: bool,
) -> None:
    """Write jSymbolic's features of MIDI files as a table, a row for each file.

    The first column is the file, the others are jSymbolic's own. Rows come in the order asked
    for, those of a folder sorted by path. A file that fails is named on standard error, has no
    row, and makes the exit code 1. Control characters in a file's name are escaped.

    \b
    Example:
      bench features songs/ -o features.csv
      bench features song.mid --features 'P-*'
    """
    from bench.extractors import Failure, Options, extract, load_extractor, select
    from bench.midi_files import midi_files

    if jar is not None and extractor != "jsymbolic":
        raise UserError(f"--jsymbolic-jar: only --extractor jsymbolic runs it, not {extractor}")
    _check_output(output)
    chosen = load_extractor(extractor)
    columns, positions = select(chosen, extractor, pattern)
    if not len(positions):
        raise UserError(f"--features {pattern!r}: no feature fits this pattern")
    named = [*paths, *_listed(listing)]
    if not named:
        raise UserError("name MIDI files or folders, or a list of them with --from-file")
    files = list(midi_files(named))
    options = Options(jobs, cached=not no_cache, program=jar)
    outcomes = extract(chosen, extractor, files, options)
    kept, rows = [], []
    for file, outcome in zip(files, outcomes, strict=True):
        if isinstance(outcome, Failure):
            click.echo(f"bench: {shown(f'{file}: {outcome.reason}')}", err=True)
        else:
            kept.append(shown(file))
            rows.append(outcome[positions])
    if not kept:
        raise WorkError(f"all {len(files)} files failed")
    _write(output, [columns[i] for i in positions], kept, rows)
    if len(kept) < len(files):
        sys.exit(1)


def _check_output(output: Path | None) -> None:
    if output is None:
        return
    if output.suffix not in {".csv", ".parquet"}:
        raise UserError(f"{output}: a table ends in .csv or .parquet")
    if output.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UserError(f"{output}: needs pyarrow: pip install 'smer-bench[parquet]'")
    check_writable(output)


def _listed(listing: Path | None) -> list[Path]:
    if listing is None:
        return []
    try:
        lines = listing.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise UserError(f"{listing}: cannot be read: {error.strerror}") from error
    return [Path(line) for line in lines if line.strip()]


def _write(
    output: Path | None,
    columns: list[str],
    files: list[str],
    rows: list[NDArray[np.float64]],
) -> None:
    if output is not None and output.suffix == ".parquet":
        write_atomically(output, _parquet(columns, files, rows))
        return
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", *columns])
    writer.writerows([file, *row.tolist()] for file, row in zip(files, rows, strict=True))
    data = text.getvalue().encode()
    if output is None:
        click.echo(data, nl=False)
    else:
        write_atomically(output, data)


def _parquet(columns: list[str], files: list[str], rows: list[NDArray[np.float64]]) -> bytes:
    import numpy as np
    import pandas as pd

    values = np.array(rows).reshape(-1, len(columns))
    table = pd.DataFrame(values, columns=columns)
    table.insert(0, "file", files)
    data = io.BytesIO()
    table.to_parquet(data, engine="pyarrow", index=False)
    return data.getvalue()
