"""What is made of a network's answers, without a network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from bench.datasets.smf import SmfNote, smf_bytes
from bench.scoring import score_predictions
from models import predicting
from models.predicting import COLUMNS, Guess, guess_files, reliability

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.clips import Clip
    from bench.methods import FloatArray


def test_files_are_guessed_in_order_a_few_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class ByNotes:
        """The quadrant is the number of notes, modulo 4."""

        def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
            asked.append(len(clips))
            return np.eye(4)[[len(clip.midi.notes) % 4 for clip in clips]]

    files = []
    for n in range(1, 6):
        notes = [SmfNote(240 * i, 240 * i + 200, 60, 64) for i in range(n)]
        files.append(tmp_path / f"{n}.mid")
        files[-1].write_bytes(smf_bytes([notes]))
    monkeypatch.setattr(predicting, "_AT_ONCE", 2)
    method: Any = ByNotes()
    guesses = list(guess_files(method, files, pytest.fail))
    assert [(guess.file, guess.quadrant) for guess in guesses] == [
        (str(file), n % 4) for n, file in enumerate(files, 1)
    ]
    assert asked == [2, 2, 1]


def test_a_row_has_the_sums_of_halves_without_the_errors_of_sums() -> None:
    row = Guess("x.mid", (0.1, 0.2, 0.5, 0.2), "C major", 3).row()
    assert 0.1 + 0.2 != 0.3
    values = ["x.mid", "Q3", 0.1, 0.2, 0.5, 0.2, 0.3, 0.3, "C major", 3]
    assert row == dict(zip(COLUMNS, values, strict=True))


def test_the_commonest_quadrant_is_by_labels_not_by_what_they_are_called() -> None:
    scores = score_predictions([0, 0, 0, 0, 0, 1, 2, 3], [1, 1, 0, 0, 2, 1, 1, 2])
    dataset = SimpleNamespace(name="songs", version="1")
    card = SimpleNamespace(scores=scores, dataset=dataset, seed=3)
    tuned: Any = SimpleNamespace(name="midibert", card=card)
    assert reliability(tuned) == (
        "midibert, fine-tuned on songs 1 (seed 3): right on 37.5 % of its 8 test clips, macro-F1 "
        f"{scores.macro_f1:.3f}; the commonest quadrant of these is 62.5 % of them"
    )
