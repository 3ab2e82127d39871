"""The kinds of backbones: all that loading and pre-training ask of one beside the class itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.backbones.midibert import MidiBert, MidiBertConfig
from models.backbones.midigpt import MidiGpt, MidiGptConfig
from models.pretraining.objectives import MaskedNotes, NextToken

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.backbones import Backbone, BackboneConfig
    from models.pretraining.objectives import Objective
    from models.pretraining.order import Order


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind; `model` and `objective` take what is of this very kind."""

    model: Callable[[Any], Backbone]  # of a config
    config: Callable[..., BackboneConfig]
    objective: Callable[[Any, Order], Objective]  # of a backbone, and what was asked for


#: By the name that checkpoints have.
KINDS = {
    MidiBert.kind: Kind(
        MidiBert,
        MidiBertConfig,
        lambda backbone, order: MaskedNotes(backbone, order.mask_share),
    ),
    MidiGpt.kind: Kind(MidiGpt, MidiGptConfig, lambda backbone, _: NextToken(backbone)),
}
