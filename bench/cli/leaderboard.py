"""`bench leaderboard`: the table that people cite, from the records alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from bench.cli.options import results_option

if TYPE_CHECKING:
    from bench.report.findings import Findings

_README = "README.md"
_FIGURES = Path("docs", "figures")
_SUMMARISED = "lite"  # the suite whose table a README has


def _no_dash(ctx: click.Context, param: click.Parameter, output: Path) -> Path:
    del ctx, param
    from bench.errors import UserError

    if str(output) == "-":
        raise UserError("-o -: the board is written to a file: name one")
    return output


@click.command()
@results_option()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("leaderboard.md"),
    show_default=True,
    callback=_no_dash,
    help="The file to write.",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the figures; those that are there are linked.  [default: docs/figures beside "
    "the file]",
)
@click.option("--draw", is_flag=True, help="Draw the figures too; needs matplotlib.")
@click.option("--check", is_flag=True, help="Write nothing; show the difference, exit 1 if any.")
@click.option(
    "--compare",
    metavar="BEFORE",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write nothing; say in Markdown what changes against the records of another folder.",
)
def leaderboard(
    *,
    results: Path,
    output: Path,
    figures: Path | None,
    draw: bool,
    check: bool,
    compare: Path | None,
) -> None:
    """Write leaderboard.md from the records, or check that it follows from them.

    A README.md beside it that has the marks `<!-- board -->` and `<!-- end of board -->` gets the
    lite suite's table between them. Every score is computed again from the predictions in the
    records. Reads no dataset.

    \b
    Examples:
      bench leaderboard
      bench leaderboard --check
      bench leaderboard --compare ../main/results
    """
    from bench.cli.board import findings_of
    from bench.errors import UserError
    from bench.files import write_atomically
    from bench.report.leaderboard import render_leaderboard
    from bench.report.summary import BEGIN, render_summary, with_summary

    if compare is not None and (check or draw):
        raise UserError("--compare cannot go with --check or --draw")
    if check and draw:
        raise UserError("--check cannot go with --draw")
    if compare is not None:
        click.echo(_comparison(compare, results), nl=False)
        return
    figures = figures or output.parent / _FIGURES
    findings = findings_of(results)
    if draw:
        from bench.report.figures import write_figures

        written = write_figures(findings, figures)
        click.echo(f"{figures}: {len(written)} figures")
    pages = {output: render_leaderboard(findings, figures=_links(figures, output))}
    readme = output.parent / _README
    if readme.is_file():
        old = _read(readme)
        if BEGIN in old:
            summary = render_summary(findings, suite=_SUMMARISED)
            pages[readme] = with_summary(old, summary, name=readme)
    if not check:
        for page, text in pages.items():
            write_atomically(page, text.encode())
        click.echo(f"{' and '.join(map(str, pages))}: {_counted(findings)}")
        return
    difference = "".join(_difference(page, text) for page, text in pages.items())
    if difference:
        click.echo(difference, nl=False)
        raise SystemExit(1)
    follow = "follows" if len(pages) == 1 else "follow"
    click.echo(
        f"{' and '.join(map(str, pages))} {follow} from the {_counted(findings)} in {results}"
    )


def _counted(findings: Findings) -> str:
    n_left_out = len(findings.records) - findings.n_shown
    left_out = f", {n_left_out:,} of them left out" if n_left_out else ""
    return f"{len(findings.records)} records{left_out}"


def _comparison(before: Path, after: Path) -> str:
    """What one folder of results makes of another's board."""
    from bench.cli.board import board_records, current_keys, songs_of_clips
    from bench.errors import UserError
    from bench.report.difference import render_difference
    from bench.store import read_failures

    if not before.is_dir():
        raise UserError(f"--compare {before}: no such folder")
    old, new = board_records(before, may_be_empty=True), board_records(after)
    known = {(failure.key, failure.reason) for failure in read_failures(before)}
    failures = [f for f in read_failures(after) if (f.key, f.reason) not in known]
    both = [*old, *new]
    return render_difference(
        old, new, failures, songs=songs_of_clips(both), current=current_keys(both)
    )


def _links(figures: Path, page: Path) -> dict[str, str]:
    """Where a page finds the figures of a folder, by file name."""
    folder = os.path.relpath(figures, page.parent)
    return {
        file.name: quote(f"{folder}/{file.name}".replace(os.sep, "/"), safe="/+")
        for file in sorted(figures.glob("*.svg"))
    }


def _difference(path: Path, text: str) -> str:
    """What would change in a file, as a unified diff."""
    from difflib import unified_diff

    lines = unified_diff(
        _read(path).splitlines(keepends=True),
        text.splitlines(keepends=True),
        str(path),
        f"{path} (from the records)",
    )
    # A last line without an end would run into the next.
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def _read(path: Path) -> str:
    """A page's text, "" if there is none."""
    from bench.errors import UserError

    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
