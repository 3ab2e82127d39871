"""The fine-tuned networks that come with the package."""

from __future__ import annotations

from models.checkpoints import shipped
from models.checkpoints.finetuned import load_finetuned


def test_networks_that_are_shipped_can_be_asked() -> None:
    assert set(shipped(finetuned=True)) == {"mt-midibert-emopia"}
    for name, path in shipped(finetuned=True).items():
        tuned = load_finetuned(path)
        assert name == f"{tuned.name}-{tuned.card.dataset.name}"
        assert path.stat().st_size <= 20e6
        assert path.with_suffix(".md").is_file()
