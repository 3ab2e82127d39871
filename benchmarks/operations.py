"""How many floating-point operations a backbone's matrix products need: what a step's work is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.backbones import Backbone

#: A backward pass is twice a forward one.
STEP = 3
#: Matrix products for each pair of tokens, by kind of backbone: scores, two distance terms and the
#: mixing of values; scores and mixing, for one half of the pairs.
_PRODUCTS = {"midibert": 4, "midigpt": 2 / 2}


def forward_operations(backbone: Backbone, lengths: Iterable[int]) -> float:
    """Of one pass over sequences of these many tokens: no padding, nothing computed twice."""
    config = backbone.config
    weights = config.layers * (4 * config.width**2 + 2 * config.width * config.inner)
    pairs = config.layers * _PRODUCTS[backbone.kind] * config.width
    return sum(2 * n * weights + 2 * n * n * pairs for n in lengths)
