"""What a checkpoint says of how it came about: a short card inside it, a page beside it."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from bench.shown import shown
from bench.starts import INDUCTIVE
from models.precision import computed
from models.pretraining.pieces import held_against

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.pretraining.order import Order
    from models.pretraining.pieces import Pieces
    from models.pretraining.store import TokenStore
    from models.pretraining.training import Pretraining

_CURVE_ROWS = 12


def new_card(
    stores: Sequence[TokenStore],
    learned: Pieces,
    held: Pieces,
    training: Pretraining,
    licences: Mapping[str, str],
    order: Order,
) -> dict[str, Any]:
    """The card of a finished run, JSON values.

    Valid and test clips are refused, so what `bench pretrain` makes is always inductive: for the
    datasets that were there.
    """
    steps, last = training.recipe.steps, training.history[-1]
    return {
        "exposure": INDUCTIVE,
        "held_against": held_against(),
        "objective": training.objective.title,
        "encoding": stores[0].about.encoding,
        "corpora": [
            {
                "name": store.corpus,
                "digest": store.about.digest,
                "pieces": store.about.n_pieces,
                "tokens": store.about.n_tokens,
                "bad_files": len(store.about.bad),
                "licence": licences.get(store.corpus, "not stated"),
            }
            for store in stores
        ],
        "pieces": len(learned),
        "tokens": learned.n_tokens,
        "held_out_pieces": len(held),
        "steps": steps,
        "tokens_seen": last.tokens,
        "loss": round(last.loss, 4),
        # Not there where nothing was held out: JSON has no NaN.
        **({} if math.isnan(last.valid_loss) else {"valid_loss": round(last.valid_loss, 4)}),
        **order.options,
        "precision": computed(training.recipe.precision, training.device),
        # Steps that were timed here would be others elsewhere, and so would the weights.
        "command": shown(replace(order, steps=steps, minutes=None).command()),
    }


def model_card(training: Pretraining, card: Mapping[str, Any], order: Order) -> str:
    """The card as a page for people, in Markdown."""
    backbone, history = training.objective.backbone, training.history
    sizes = _listed(asdict(backbone.config))
    corpora = [
        f"| {c['name']} | {c['pieces']:,} | {c['tokens']:,} | {c['bad_files']:,} | {c['licence']} |"
        for c in card["corpora"]
    ]
    every = max(-(-len(history) // _CURVE_ROWS), 1)
    told = [*history[every - 1 : -1 : every], history[-1]]
    curve = [
        f"| {h.step:,} | {h.tokens:,} | {h.loss:.4f} | "
        + ("none |" if math.isnan(h.valid_loss) else f"{h.valid_loss:.4f} |")
        for h in told
    ]
    about = (
        f"A `{backbone.kind}` backbone ({sizes}), pre-trained by {card['objective']} on MIDI files "
        f"without labels (encoding `{card['encoding']}`). {card['exposure'].capitalize()} for "
        f"{', '.join(card['held_against'])}: none of their valid and test clips was among the "
        "files, compared by sha256."
    )
    mix = (
        f"Learned from {card['pieces']:,} pieces with {card['tokens']:,} tokens, each content "
        f"once; {card['held_out_pieces']:,} more were held out for the validation loss."
    )
    return "\n".join(
        [
            f"# {order.target.stem}",
            "",
            about,
            "",
            "| corpus | pieces | tokens | files left out | licence |",
            "|---|---:|---:|---:|---|",
            *corpora,
            "",
            mix,
            "",
            f"- steps of {card['batch_tokens']:,} tokens: {card['steps']:,}",
            f"- tokens seen: {card['tokens_seen']:,}",
            f"- precision: {card['precision']}",
            f"- options: {_listed(order.options)}",
            f"- {final_losses(card)}",
            f"- command: `{card['command']}`",
            "",
            "| step | tokens | loss | validation loss |",
            "|---:|---:|---:|---:|",
            *curve,
            "",
        ]
    )


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def final_losses(card: Mapping[str, Any]) -> str:
    """The losses that a run ended with, for people."""
    valid = card.get("valid_loss", "none, as nothing was held out")
    return f"final loss: {card['loss']}; validation: {valid}"
