"""The tokens of one MIDI file as JSON, for `bench inspect` and `bench data export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.tokens.compound import encode_compound, velocity_classes
from models.tokens.performance import encode_performance, words

if TYPE_CHECKING:
    from bench.midi import Midi


def view_cp(midi: Midi) -> list[list[int]]:
    """Compound words: a list of [Bar, Position, Pitch, Duration] ids."""
    tokens: list[list[int]] = encode_compound(midi).tolist()
    return tokens


def view_velocity(midi: Midi) -> list[int]:
    """The velocity class 0..5 of each compound word's note."""
    classes: list[int] = velocity_classes(midi).tolist()
    return classes


def view_performance(midi: Midi) -> list[str]:
    """Words of the performance encoding."""
    return words(encode_performance(midi))
