from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.backbones.midibert import MidiBert

GOLDEN = Path(__file__).parents[3] / "shared" / "golden"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="the reference answers are not on this machine")
def test_hidden_states_are_those_of_the_public_code() -> None:
    model = MidiBert.from_released(GOLDEN / "midibert_tiny.ckpt").eval()
    reference = np.load(GOLDEN / "midibert_tiny.npz")
    with torch.no_grad():
        hidden = model(
            torch.from_numpy(reference["tokens"]), torch.from_numpy(reference["attention_mask"])
        )
    np.testing.assert_allclose(hidden.numpy(), reference["hidden"], atol=1e-4, rtol=0)
