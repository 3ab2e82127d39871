"""`bench report`: the board as a web site in a folder."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import results_option


@click.command()
@results_option()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The folder to write; a report that is there is replaced.",
)
def report(*, results: Path, output: Path) -> None:
    """Write a site that opens from its folder: sortable tables, figures, every clip.

    Needs no server and loads nothing from elsewhere. Piano rolls and keys are there for datasets
    that are on this machine (`bench data fetch`), figures where matplotlib is installed.

    \b
    Example:
      bench report -o site/
    """
    from bench.cli.board import findings_of
    from bench.site.build import write_site

    findings = findings_of(results)
    write_site(output, findings)
    click.echo(f"{output / 'index.html'}: {len(findings.records)} records")
