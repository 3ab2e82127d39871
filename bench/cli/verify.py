"""`bench verify`: are records what they say they are?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    help="Rerun N cells, those of deterministic methods first, and compare.",
)
def verify(paths: tuple[Path, ...], rerun: int) -> None:
    """Check records against themselves, the manifests and the suites.

    PATH is a record or a folder; results if none is given. Every problem is reported, one line
    each. Notes say what could not be checked, or is worth knowing. Needs no data, but for --rerun.

    \b
    Examples:
      bench verify
      bench verify results/lite/emopia/my-method --rerun 1
    """
    from bench.errors import WorkError
    from bench.verification import files_to_verify
    from bench.verification import verify as verify_records

    found = verify_records(files_to_verify(paths or [Path("results")]))
    _tell(found.remarks)
    if rerun:
        again = _rerun(found, rerun)
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
    from bench.report.markdown import one_line

    line = one_line(text)
    return line if len(line) <= _WIDEST else f"{line[:_WIDEST]}..."


def _rerun(found: Verification, n: int) -> dict[Path, list[Remark]]:
    """Run up to n of the cells in whose records nothing is wrong; what comes of it, by file.

    Raises:
        WorkError: the run was interrupted.
    """
    from tempfile import TemporaryDirectory

    from bench.cli.data import fetch_missing
    from bench.cli.progress import watch
    from bench.errors import UserError, WorkError
    from bench.execution import check_settings
    from bench.store import Store, read_record
    from bench.verification.remarks import Remark
    from bench.verification.rerun import cell_of, choose, compare

    right = {f: record for f, record in found.records.items() if not found.is_wrong(f)}
    files = {cell_of(right[file]): file for file in choose(right, n)}
    if not files:
        click.echo("no valid record can be rerun here")
        return {}
    click.echo(f"{len(files)} of {len(right)} valid records are rerun")
    remarks: dict[Path, list[Remark]] = {}
    cells = []
    for cell, file in files.items():
        try:
            check_settings(cell)
        except UserError as error:  # the record's mistake, not the user's
            remarks[file] = [Remark(f"its re-run failed: {error}")]
        else:
            cells.append(cell)
    fetch_missing(cell.dataset for cell in cells)
    with TemporaryDirectory(prefix="smer-bench-") as folder:
        outcome = watch(Store(Path(folder)), cells, n_done=0)
        for cell in outcome.finished:
            again = read_record(Path(folder, cell.path))
            remarks[files[cell]] = compare(right[files[cell]], again)
    for cell, reason in outcome.failed:
        remarks[files[cell]] = [Remark(f"its re-run failed: {reason}")]
    if outcome.interrupted:
        raise WorkError("interrupted")
    return remarks
