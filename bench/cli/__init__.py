"""The command `bench`. Each command is a module, imported only when it is asked for.

Packages bring commands of their own through the entry-point group `smer_bench.commands`: name =
"module:command", a Click command. Its module is not imported either before it is asked for.
"""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from importlib.metadata import version
from typing import Any

import click

from bench.cli.foreign import foreign_commands, load_foreign, summary
from bench.errors import UserError, WorkError
from bench.shown import shown

#: Errors of a full or failing disk, for which Python does not always name the file.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
#: Command -> what it does. The module is bench.cli.<command>, the command object its attribute of
#: the same name. Stated here so that `bench --help` need not import them.
_COMMANDS = {
    "run": "Run the cells that have no record yet.",
    "ablate": "Run every subset of the auxiliary tasks.",
    "plan": "Show what would run, what is done, and about how long it takes.",
    "ls": "List methods, datasets or suites, or a method's settings.",
    "show": "Show finished cells: scores, confusion matrix, history.",
    "evaluate": "Score answers from elsewhere, and compare them with a board's.",
    "verify": "Check records against themselves, the manifests and the suites.",
    "leaderboard": "Write leaderboard.md from the records, or check it.",
    "report": "Write the board as a web site that opens from its folder.",
    "data": "Fetch, verify, describe or export the datasets.",
    "inspect": "Show what the methods see in a MIDI file.",
    "features": "Write jSymbolic's features of MIDI files as a table.",
    "doctor": "Show what this machine has, and what to do about the rest.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [*dict.fromkeys((*_COMMANDS, *foreign_commands()))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return load_foreign(cmd_name)
        command: click.Command = getattr(importlib.import_module(f"bench.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from bench.names import pick

            pick(args[0], self.list_commands(ctx), "command", see="bench --help")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # Click would exit with 1
            print("bench: interrupted", file=sys.stderr)
            sys.exit(130)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        points = foreign_commands()
        foreign = [(name, summary(points[name])) for name in points if name not in _COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl([*_COMMANDS.items(), *foreign])
        for name in _COMMANDS.keys() & points.keys():
            text = (
                f"command {name!r}, {points[name].value!r}, is never run: `bench {name}` goes first"
            )
            print(f"bench: {shown(text)}", file=sys.stderr)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("smer-bench"), prog_name="bench")
def cli() -> None:
    """A benchmark of symbolic music emotion recognition.

    Start with `bench run --all --suite smoke`; it needs no download.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run the command line; exit code 2 for the user's mistakes, 1 for work that failed."""
    if os.name != "posix":
        sys.exit("bench: runs on Linux and macOS; on Windows, in the Subsystem for Linux (WSL)")
    if isinstance(sys.stdout, io.TextIOWrapper):  # whose encoding may lack "±" or "→"
        sys.stdout.reconfigure(errors="replace")
    try:
        code = cli.main(args=arguments, prog_name="bench", standalone_mode=False)
    except (UserError, WorkError) as error:
        message, code = str(error), error.exit_code
    except OSError as error:  # such as a name that no file can have
        if error.errno in _FULL:
            message, code = f"cannot write: {error.strerror}", 1
        elif error.filename is None:
            raise
        else:
            message, code = f"{error.filename}: {error.strerror}", 2
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        message, code = _one_line(error), error.exit_code
    else:
        sys.exit(code)
    print(f"bench: {shown(message)}", file=sys.stderr)
    sys.exit(code)


def _one_line(error: click.UsageError) -> str:
    text = " ".join(error.format_message().split()).removesuffix(".")
    command = error.ctx.command_path if error.ctx else "bench"
    return f"{text[:1].lower()}{text[1:]} (see `{command} --help`)"
