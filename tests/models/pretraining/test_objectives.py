from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.midigpt import MidiGpt, MidiGptConfig
from models.batching import Packing, micro_batches
from models.pretraining.objectives import MaskedNotes, NextToken, n_targets
from models.tokens.compound import MASK, PAD, SIZES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from models.batching import Example

LENGTHS = (64, 5, 31, 64, 1, 17, 40)
SMALL: dict[str, Any] = {
    "width": 16,
    "layers": 2,
    "heads": 2,
    "inner": 32,
    "max_length": 64,
    "dropout": 0.0,
}


def masked_notes(share: float = 0.15) -> MaskedNotes:
    torch.manual_seed(0)
    return MaskedNotes(MidiBert(MidiBertConfig(**SMALL, embedding=8)), share).eval()


def next_token() -> NextToken:
    torch.manual_seed(0)
    return NextToken(MidiGpt(MidiGptConfig(**SMALL))).eval()


def notes(lengths: Sequence[int] = LENGTHS) -> list[NDArray[np.int64]]:
    random = np.random.default_rng(1)
    return [random.integers(0, PAD, (n, len(PAD))) for n in lengths]


def losses(
    objective: MaskedNotes | NextToken, examples: Sequence[Example], packing: Packing
) -> float:
    with torch.no_grad():
        return float(sum(objective.loss_sum(b) for b in micro_batches(examples, packing)))


def test_the_share_of_masked_notes_is_the_one_asked_for() -> None:
    (example,) = masked_notes(0.5).examples(notes([24]), np.random.default_rng(0))
    assert n_targets([example]) == 12


def test_masking_rates() -> None:
    windows = notes([400] * 100)
    examples = masked_notes().examples(windows, np.random.default_rng(0))
    chosen = masked = changed = 0
    for window, example in zip(windows, examples, strict=True):
        target = np.asarray(example.targets["original"])
        picked = target[:, 0] >= 0
        assert picked.sum() == 60  # 15 % of each sequence
        np.testing.assert_array_equal(target[picked], window[picked])
        np.testing.assert_array_equal(example.tokens[~picked], window[~picked])
        is_mask = (example.tokens == MASK).all(axis=1)
        chosen += picked.sum()
        masked += is_mask.sum()
        changed += ((example.tokens != window).any(axis=1) & ~is_mask).sum()
        assert (example.tokens[~is_mask] < PAD).all()  # a random note is a note
    assert masked / chosen == pytest.approx(0.8)
    assert changed / chosen == pytest.approx(0.1, abs=0.002)  # a random note may be the same


def test_positions_differ_between_sequences() -> None:
    examples = masked_notes().examples(notes([64] * 20), np.random.default_rng(0))
    places = {tuple(np.flatnonzero(np.asarray(e.targets["original"])[:, 0] >= 0)) for e in examples}
    assert len(places) == 20


@pytest.mark.parametrize("multiple", [1, 32])
def test_padding_is_never_chosen_and_never_seen(multiple: int) -> None:
    """However sequences are padded and cut into batches, the loss is that of each one alone."""
    for objective, windows in (
        (masked_notes(), notes()),
        (next_token(), [np.random.default_rng(2).integers(0, 152, (n + 1, 1)) for n in LENGTHS]),
    ):
        examples = objective.examples(windows, np.random.default_rng(0))
        alone = sum(losses(objective, [e], Packing(multiple=1, longest=64)) for e in examples)
        for rows in (64, 10_000):
            packing = Packing(max_rows=rows, multiple=multiple, longest=64)
            assert losses(objective, examples, packing) == pytest.approx(alone, rel=1e-5)
        expected = (
            sum(max(round(0.15 * n), 1) for n in LENGTHS)
            if isinstance(objective, MaskedNotes)
            else sum(LENGTHS)
        )
        assert n_targets(examples) == expected


def test_losses_are_weighted_as_published() -> None:
    """Uniform guesses cost ln n for each part; the weights are the vocabularies' sizes."""
    objective = masked_notes()
    torch.nn.init.zeros_(objective.head.weight)
    examples = objective.examples(notes([100 % 64]), np.random.default_rng(0))
    expected = sum(n * np.log(n) for n in SIZES) / sum(SIZES)
    loss = losses(objective, examples, Packing()) / n_targets(examples)
    assert loss == pytest.approx(expected, rel=1e-5)


def test_the_next_token_is_foretold_from_earlier_ones_only() -> None:
    objective = next_token()
    window = np.random.default_rng(2).integers(0, 152, (20, 1))
    other = window.copy()
    other[12:] = (other[12:] + 1) % 152

    def first(window: NDArray[np.int64], n: int) -> float:
        (example,) = objective.examples([window[: n + 1]], np.random.default_rng(0))
        return losses(objective, [example], Packing())

    assert first(window, 11) == first(other, 11)
    assert first(window, 12) != first(other, 12)
