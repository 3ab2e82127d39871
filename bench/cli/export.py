"""`bench data export`: every clip as a JSON line, for use elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.options import Once

#: Endings by which programs expect what is not written here.
_TABLES = (".csv", ".parquet", ".xlsx")


@click.command()
@click.argument("dataset")
@click.option(
    "--what",
    cls=Once,
    default="",
    metavar="key,cp,...",
    help="Views to add, joined by commas: key, cp, velocity, performance, and those of other "
    "packages.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE.jsonl|-",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file to write; - for standard output.",
)
def export(*, dataset: str, what: str, output: Path) -> None:
    """Write one JSON object per clip: its names, split, quadrant and file, and views of its music.

    The clips are all that were published, also the few that no split holds ("left-out"). Clips of
    one song lie in one split. A clip without notes has the key null.
    `bench evaluate` scores what a method trained on this answers for the test clips.

    \b
    Examples:
      bench data export emopia -o emopia.jsonl
      bench data export emopia --what key,cp -o emopia.jsonl
    """
    import msgspec

    from bench.cli.data import fetch_missing
    from bench.datasets import load_dataset
    from bench.errors import UserError
    from bench.files import check_writable, write_atomically
    from bench.views import load_view

    names = [part.strip() for part in what.split(",")] if what else []
    views = {name: load_view(name) for name in names}
    to_stdout = str(output) == "-"
    if output.suffix.lower() in _TABLES:
        raise UserError(
            f"{output}: this writes JSON lines: name it "
            f"{output.with_suffix('.jsonl').name}, which pandas.read_json(..., lines=True) reads"
        )
    if not to_stdout:
        check_writable(output)
    fetch_missing([dataset])
    loaded = load_dataset(dataset)
    lines = []
    for clip, row in zip(loaded.clips, loaded.rows, strict=True):
        midi = clip.midi
        facts = {
            "dataset": dataset,
            "clip": clip.id,
            "song": clip.song,
            "split": row.split,
            "quadrant": row.label or None,
            "file": str(clip.path),
        }
        try:
            facts |= {name: view(midi) for name, view in views.items()}
        except UserError as error:  # does not name the clip, which a view is not told
            raise UserError(f"{dataset}, clip {clip.id!r}: {error}") from error
        lines.append(msgspec.json.encode(facts))
    text = b"\n".join(lines) + b"\n"
    if to_stdout:
        click.echo(text, nl=False)
    else:
        write_atomically(output, text)
        click.echo(f"{len(lines):,} clips of {dataset} in {output}")
