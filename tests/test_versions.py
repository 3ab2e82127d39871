"""Versions that have to be raised together."""

from __future__ import annotations

from baselines.jsymbolic.native.catalogue import JSYMBOLIC
from baselines.panda import PANDA_EXTRA
from bench.keys import KEY
from bench.registry import methods
from models.checkpoints.finetuned import neural_type
from models.tokens.compound import COMPOUND, RESCALED, RESCALED_VELOCITY, VELOCITY
from models.tokens.performance import PERFORMANCE


def test_no_derivation_changes_without_the_methods_that_learn_from_it() -> None:
    """A method's version, or encoding, is all of this that its records' keys know.

    Whoever raises a derivation's version raises the versions of its methods, and writes both here.
    """
    tokens = (COMPOUND, VELOCITY, RESCALED, RESCALED_VELOCITY, PERFORMANCE)
    derivations = (JSYMBOLIC, PANDA_EXTRA, KEY, *tokens)
    assert {derivation.name: derivation.version for derivation in derivations} == {
        "jsymbolic-native": 1,
        "panda-extra": 1,
        "key": 1,
        "compound-words": 1,
        "compound-velocity": 1,
        "compound-rescaled-words": 1,
        "compound-rescaled-velocity": 1,
        "performance": 1,
    }
    learned = {
        name: (entry.version, entry.encoding)
        for name, entry in methods().items()
        if entry.module.startswith(("baselines.", "models."))
    }
    compound, performance = "compound-1", "performance-1"
    expected = {
        "majority": (1, ""),
        "key-mode": (1, ""),
        "svm-lin": (2, ""),
        "svm-panda": (3, ""),
        "svm-jsymbolic": (2, ""),
        "gbdt-jsymbolic": (1, ""),
        "trees-jsymbolic": (1, ""),
        "midibert": (1, compound),
        "mt-midibert": (1, compound),
        "midibert-rescaled": (1, "compound-rescaled-1"),
        "midigpt": (1, performance),
        "mt-midigpt": (1, performance),
    }
    assert {name: learned[name] for name in expected} == expected  # of which there may be more


def test_decorators_name_the_encodings_that_their_methods_read() -> None:
    """A decorator's text is what keys hold, and the encoding is what changes with its tokens."""
    entries = [entry for entry in methods().values() if entry.module.startswith("models.")]
    assert entries
    for entry in entries:
        assert entry.encoding == neural_type(entry).encoding.id, entry.name
