"""`bench data export`: what the methods see in every clip, as JSON lines."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("dataset")
@click.option(
    "--what",
    required=True,
    metavar="key,cp,...",
    help="Views, joined by commas: key, cp, velocity, performance, and those of other packages.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write.",
)
def export(*, dataset: str, what: str, output: Path) -> None:
    """Write one JSON object per clip: dataset, clip, and the views asked for.

    The clips are all that were published, also the few that no split holds. A clip without notes
    has the key null.

    \b
    Example:
      bench data export emopia --what key,cp -o emopia.jsonl
    """
    import msgspec

    from bench.cli.data import fetch_missing
    from bench.datasets import load_dataset
    from bench.errors import UserError
    from bench.files import check_writable, write_atomically
    from bench.views import load_view

    views = {name: load_view(name) for name in (part.strip() for part in what.split(","))}
    check_writable(output)
    fetch_missing([dataset])
    clips = load_dataset(dataset).clips
    lines = []
    for clip in clips:
        facts = {"dataset": dataset, "clip": clip.id}
        midi = clip.midi
        try:
            facts |= {name: view(midi) for name, view in views.items()}
        except UserError as error:  # does not name the clip, which a view is not told
            raise UserError(f"{dataset}, clip {clip.id!r}: {error}") from error
        lines.append(msgspec.json.encode(facts))
    write_atomically(output, b"\n".join(lines) + b"\n")
    click.echo(f"{len(clips):,} clips of {dataset} in {output}")
