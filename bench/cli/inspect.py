"""`bench inspect`: what the methods see in a MIDI file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.errors import UserError
from bench.shown import shown

if TYPE_CHECKING:
    from bench.midi import Midi

#: Tokens shown of a view on a terminal; --json gives all.
_SHOWN = 24


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file, complete.")
def inspect(*, paths: tuple[Path, ...], as_json: bool) -> None:
    """Show notes, key and its correlation, velocity classes, and tokens as each model sees them.

    Of folders, all MIDI files. A file that cannot be read is named on standard error and makes
    the exit code 2; the others are shown.

    \b
    Example:
      bench inspect song.mid
      bench inspect *.mid --json
    """
    import msgspec

    from bench.keys import find_key
    from bench.midi import read_midi
    from bench.midi_files import midi_files
    from bench.views import load_view, view_names

    views = {}
    code = 0
    for name in view_names():
        try:
            views[name] = load_view(name)
        except UserError as error:  # another package's; the others can be shown
            click.echo(f"bench: {shown(str(error))}", err=True)
            code = error.exit_code
    for file in midi_files(paths):
        try:
            midi = read_midi(file)
        except UserError as error:
            click.echo(f"bench: {shown(str(error))}", err=True)
            code = error.exit_code
            continue
        try:
            seen = {name: view(midi) for name, view in views.items()}
        except UserError as error:  # does not name the file, which a view is not told
            click.echo(f"bench: {shown(f'{file}: {error}')}", err=True)
            code = error.exit_code
            continue
        facts: dict[str, Any] = {"file": shown(file), "notes": _notes(midi), **seen}
        key = find_key(midi)
        facts["key_correlation"] = key.r if key else None
        if as_json:
            click.echo(msgspec.json.encode(facts))
        else:
            _print(facts)
    if code:
        sys.exit(code)


def _notes(midi: Midi) -> dict[str, Any]:
    notes = midi.notes
    facts: dict[str, Any] = {
        "count": len(notes),
        "tracks": len(midi.track_ends),
        "ticks_per_beat": midi.ticks_per_beat,
        "beats": round(midi.n_ticks / midi.ticks_per_beat, 2),
    }
    if len(notes):
        facts["pitch_range"] = [int(notes.pitch.min()), int(notes.pitch.max())]
        facts["velocity_range"] = [int(notes.velocity.min()), int(notes.velocity.max())]
    return facts


def _print(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    console.print(f"[bold]{escape(facts.pop('file'))}[/]", soft_wrap=True)
    for name, value in facts.items():
        if isinstance(value, dict):
            text = ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
        elif isinstance(value, list):
            more = f" … ({len(value)} in all)" if len(value) > _SHOWN else ""
            text = " ".join(_plain(item) for item in value[:_SHOWN]) + more
        else:
            text = "none" if value is None else _plain(value)
        console.print(f"  [dim]{escape(name):<12}[/] {escape(text)}", soft_wrap=True)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "(" + ",".join(map(_plain, value)) + ")"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
