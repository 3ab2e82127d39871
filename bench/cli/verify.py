"""`bench verify`: are records what they say they are?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.cells import Cell
    from bench.running import Outcome
    from bench.store import Store
    from bench.verification import Verification
    from bench.verification.remarks import Remark

#: A record's own words may be of any length.
_WIDEST = 400


@click.command()
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--rerun",
    metavar="N",
    type=click.IntRange(min=0),
    default=0,
    help="Rerun N cells, of each method one before another of any, and compare.",
)
@click.option(
    "--draw",
    metavar="TEXT",
    help="Rerun the cells that an earlier --rerun told with this text.  [default: at random]",
)
def verify(paths: tuple[Path, ...], rerun: int, draw: str | None) -> None:
    """Check records against themselves, the manifests and the suites.

    PATH is a record or a folder; results if none is given. Every problem is reported, one line
    each. Notes say what could not be checked, or is worth knowing. Needs no data, but for --rerun.

    \b
    Examples:
      bench verify
      bench verify results/lite/emopia/my-method --rerun 1
    """
    from secrets import token_hex

    from bench.errors import UserError, WorkError
    from bench.verification import files_to_verify
    from bench.verification import verify as verify_records

    if draw is not None and not rerun:
        raise UserError("--draw says which cells --rerun takes: give both")
    found = verify_records(files_to_verify(paths or [Path("results")]))
    _tell(found.remarks)
    if rerun:
        again = _rerun(found, rerun, token_hex(8) if draw is None else draw)
        _tell(again)
        for file, remarks in again.items():
            found.remarks[file] += remarks
    n_wrong = sum(map(found.is_wrong, found.remarks))
    checked = f"{found.n_records:,} records checked"
    if n_wrong:
        raise WorkError(f"{checked}, {n_wrong:,} wrong")
    click.echo(f"{checked}, none wrong")


def _tell(found: Mapping[Path, Sequence[Remark]]) -> None:
    """Problems file by file; then notes, each once, as many records may share it."""
    notes: dict[str, list[Path]] = {}
    for file, remarks in found.items():
        for text, wrong in remarks:
            if wrong:
                click.echo(_line(f"{file}: {text}"))
            else:
                notes.setdefault(text, []).append(file)
    for text, files in notes.items():
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        click.echo(_line(f"note: {text} ({files[0]}{more})"))


def _line(text: str) -> str:
    from bench.shown import one_line

    line = one_line(text)
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}..."


def _rerun(found: Verification, n: int, draw: str) -> dict[Path, list[Remark]]:
    from bench.cli.data import fetch_missing
    from bench.cli.progress import watch
    from bench.verification.rerun import choose, rerun

    chosen = choose(found.right, n, draw=draw)
    if not chosen:
        click.echo("no valid record can be rerun here")
        return {}
    click.echo(_line(f"{len(chosen)} of {len(found.right)} valid records are rerun, --draw {draw}"))

    def run(store: Store, cells: Sequence[Cell]) -> Outcome:
        fetch_missing(cell.dataset for cell in cells)
        return watch(store, cells, n_done=0)

    return rerun(chosen, run, beside=found.right.values())
