"""What other packages bring and cannot be used: told last, for the rest can be."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from bench.errors import UserError
from bench.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator


class Refusals:
    """Mistakes that leave the rest of a command's work to be done."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    @contextmanager
    def noted(self, dataset: str) -> Iterator[None]:
        """Around what is done with a dataset, perhaps one of another package."""
        from bench.registry import calling

        try:
            with calling("dataset", dataset):
                yield
        except UserError as error:
            self.messages.append(str(error))

    def tell(self) -> None:
        """On standard error, a line each."""
        for message in self.messages:
            click.echo(f"bench: {shown(message)}", err=True)

    def end(self) -> None:
        """Tell them and, if there are any, exit as for a user's mistake."""
        self.tell()
        if self.messages:
            sys.exit(UserError.exit_code)
