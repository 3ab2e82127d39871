"""The released MidiBERT-Piano checkpoint as one of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.starts import INDUCTIVE, TRANSDUCTIVE, sha256_of
from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.released import read_released
from models.checkpoints import save_checkpoint
from models.tokens.encodings import COMPOUND_WORDS

if TYPE_CHECKING:
    from pathlib import Path


def import_released(path: Path, target: Path, *, inductive: bool = False) -> list[str]:
    """Convert a checkpoint of the MidiBERT-Piano code.

    Args:
        path: the file, as that code writes it.
        target: the checkpoint to write.
        inductive: whether its weights have certainly seen no valid or test clip. The published
            ones have seen the notes of all of EMOPIA.

    Returns:
        The names of the tensors that its model never used.

    Raises:
        UserError: not such a checkpoint, damaged, or of another vocabulary; or `target` cannot be
            written.
    """
    sizes, weights, ignored = read_released(path)
    backbone = MidiBert(MidiBertConfig(**sizes))
    backbone.load_state_dict(weights)
    card = {
        "exposure": INDUCTIVE if inductive else TRANSDUCTIVE,
        "encoding": COMPOUND_WORDS.id,
        "source": "a checkpoint of the MidiBERT-Piano code (Chou et al. 2021)",
        "source_sha256": sha256_of(path),
        "ignored": ignored,
    }
    save_checkpoint(backbone, target, card)
    return ignored
