"""How many floating-point operations a backbone's matrix products need: what a step's work is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.backbones.midibert import MidiBert
    from models.backbones.midigpt import MidiGpt

#: A backward pass is twice a forward one.
STEP = 3


def forward_operations(backbone: MidiBert | MidiGpt, lengths: Iterable[int]) -> float:
    """Of one pass over sequences of these many tokens: no padding, nothing computed twice."""
    config: Any = backbone.config
    weights = config.layers * (4 * config.width**2 + 2 * config.width * config.inner)
    # For each pair of notes: scores, two distance terms and the mixing of values. For each pair of
    # a token with one before it: scores and the mixing of values.
    products = 4 if backbone.kind == "midibert" else 2 / 2
    pairs = config.layers * products * config.width
    return sum(2 * n * weights + 2 * n * n * pairs for n in lengths)
