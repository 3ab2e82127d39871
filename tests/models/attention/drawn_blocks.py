"""Blocks that property tests of attention draw."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from models.attention import Block


@st.composite
def layouts(draw: st.DrawFn, longest: int) -> list[Block]:
    """A few blocks of any lengths, with and without padding."""
    blocks = []
    for _ in range(draw(st.integers(1, 3))):
        batch, length = draw(st.integers(1, 3)), draw(st.integers(1, longest))
        mask = None
        if draw(st.booleans()):
            lengths = draw(st.lists(st.integers(1, length), min_size=batch, max_size=batch))
            mask = torch.arange(length) < torch.tensor(lengths)[:, None]
        blocks.append(Block(batch, length, mask))
    return blocks
