"""`bench score`: how well generated pieces hit the emotion they were meant to have."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.cli.options import Once
from bench.labels import HIGH_AROUSAL, HIGH_VALENCE, QUADRANTS
from models.commands.options import judged, network_options

if TYPE_CHECKING:
    from models.aiming import Aim, Share


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path))
@click.option(
    "--target",
    cls=Once,
    required=True,
    type=click.Choice(QUADRANTS, case_sensitive=False),
    help="The emotion that was meant: Q1 happy, Q2 angry, Q3 sad, Q4 calm.",
)
@network_options
@click.option("--json", "as_json", is_flag=True, help="A JSON document on standard output.")
def score(
    *,
    paths: tuple[Path, ...],
    target: str,
    method: str | None,
    checkpoint: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Count the pieces in a folder whose emotion, to a network, is the one that was meant.

    Shares are over the likeliest quadrants, with 95 % intervals that take the pieces for
    independent. The network errs, too: how it does on labelled test clips is shown beside, and
    no share of hits means more than that. Files are found and judged, and bad ones named, as by
    `bench predict`.

    \b
    Example:
      bench score generated/ --target Q1
    """
    import msgspec

    from models.aiming import Aim, yardstick
    from models.predicting import reliability

    tuned, guesses, n_refused = judged(paths, method, checkpoint, device)
    aim = Aim.of(guesses, QUADRANTS.index(target))
    if as_json:
        document = {
            "target": target,
            "hits": aim.hits.to_json(),
            "mean_probability": aim.mean_p,
            "valence": aim.valence.to_json(),
            "arousal": aim.arousal.to_json(),
            "called": dict(zip(QUADRANTS, aim.called, strict=True)),
            "left_out": n_refused,
            "network": {"method": tuned.name, **msgspec.to_builtins(tuned.card)},
        }
        click.echo(json.dumps(document, indent=1))
    else:
        _print(aim)
        click.echo(f"\njudged by {reliability(tuned)}")
        of_target, of_others = yardstick(tuned.card.scores, aim.target)
        click.echo(
            f"of the test clips that are {target} it calls {_plain(of_target)} {target}, "
            f"of the others {_plain(of_others)}"
        )
    if n_refused:
        sys.exit(1)


def _print(aim: Aim) -> None:
    target = QUADRANTS[aim.target]
    valence = "positive" if HIGH_VALENCE[aim.target] else "negative"
    arousal = "high" if HIGH_AROUSAL[aim.target] else "low"
    called = ", ".join(f"{q} {n}" for q, n in zip(QUADRANTS, aim.called, strict=True))
    for name, text in {
        f"in {target}": _plain(aim.hits, interval=True),
        f"mean probability of {target}": f"{100 * aim.mean_p:.1f} %",
        f"{valence} valence": _plain(aim.valence, interval=True),
        f"{arousal} arousal": _plain(aim.arousal, interval=True),
        "quadrants": called,
    }.items():
        click.echo(f"{name:<24}  {text}")


def _plain(share: Share, *, interval: bool = False) -> str:
    if not share.of:
        return "none (there are none)"
    text = f"{100 * share.value:.1f} % ({share.count:,} of {share.of:,}"
    if interval:
        low, high = (100 * end for end in share.interval)
        text += f"; 95 %: {low:.1f} to {high:.1f}"
    return text + ")"
