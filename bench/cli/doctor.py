"""`bench doctor`: what is here, and what to do about what is not."""

from __future__ import annotations

import sys

import click

_MARKS = {"present": "ok", "absent": "--", "broken": "!!"}


@click.command()
def doctor() -> None:
    """Show what this machine has of what the benchmark can use.

    What is marked -- can be done without. What is marked !! does not work, and makes the exit
    code 1.
    """
    from bench.doctor import examine

    broken = False
    for finding in examine():
        click.echo(f"{_MARKS[finding.status]}  {finding.name:<14}  {finding.text}")
        broken |= finding.status == "broken"
    if broken:
        sys.exit(1)
