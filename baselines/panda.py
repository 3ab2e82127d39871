"""What Panda et al. add to jSymbolic: MIDI Toolbox and jMusic, as one row of named values.

Panda, Malheiro, Rocha, Oliveira & Paiva, *Multi-Modal Music Emotion Recognition: A New Dataset,
Methodology and Comparative Analysis* (CMMR 2013) take their MIDI features from jSymbolic, MIDI
Toolbox and jMusic. Functions of the Toolbox that give a value per note are summed up by mean and
standard deviation; distributions of pairs, which are wide and sparse, by their entropy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.jmusic import phrase_features
from baselines.toolbox import distributions as dist
from baselines.toolbox import expectancy, rhythm, shape, tonality
from baselines.toolbox.melody import Notes, notes_of, skyline
from bench.derived import Derivation

if TYPE_CHECKING:
    from baselines.toolbox.tonality import Key
    from bench.methods import FloatArray
    from bench.midi import Midi

    Values = dict[str, float | FloatArray]


def panda_extra(midi: Midi) -> FloatArray:
    """The values of one file in the order of `COLUMNS`, shape (1, n_columns).

    All finite. Zeros where there is no pitched note.
    """
    notes = notes_of(midi)
    row = _row(notes) if len(notes) else np.zeros(len(COLUMNS))
    return row[None, :]


def _row(notes: Notes) -> FloatArray:
    return np.concatenate([np.atleast_1d(values) for values in _named(notes).values()]).astype(
        np.float64
    )


def _named(notes: Notes) -> Values:
    melody = skyline(notes)
    correlations = tonality.kkcc(notes)
    key = tonality.kkkey(correlations)
    toolbox = (
        _distributions(notes, melody)
        | _tonal(notes, melody, correlations, key)
        | _melodic(melody, key)
        | _rhythmic(notes, melody)
    )
    return {f"Toolbox_{name}": value for name, value in toolbox.items()} | {
        f"jMusic_{name}": value for name, value in phrase_features(melody, key).items()
    }


def _distributions(notes: Notes, melody: Notes) -> Values:
    first = {
        "durdist1": dist.durdist1(notes),
        "pcdist1": dist.pcdist1(notes),
        "ivdist1": dist.ivdist1(melody),
        "ivsizedist1": dist.ivsizedist1(melody),
    }
    second = {
        "durdist2": dist.durdist2(melody),
        "pcdist2": dist.pcdist2(melody),
        "ivdist2": dist.ivdist2(melody),
    }
    entropies = {f"entropy_{name}": dist.entropy(d) for name, d in (first | second).items()}
    return {**first, "ivdirdist1": dist.ivdirdist1(melody), **entropies}


def _tonal(notes: Notes, melody: Notes, correlations: FloatArray, key: Key) -> Values:
    return {
        "nnotes": len(notes),
        "ambitus": shape.ambitus(notes),
        "kkcc": correlations,
        "maxkkcc": float(correlations.max()),
        "keymode": 1 + key.minor,
        **_moments("tonality", tonality.tonality(melody, key)),
    }


def _melodic(melody: Notes, key: Key) -> Values:
    narmour = expectancy.narmour(melody)
    return {
        "melody_nnotes": len(melody),
        "melody_ambitus": shape.ambitus(melody),
        "melcontour": shape.melcontour(melody),
        "combcontour": shape.combcontour(melody),
        **{f"complebm_{name}": value for name, value in shape.complebm(melody, key).items()},
        "compltrans": expectancy.compltrans(melody, key),
        "gradus": expectancy.gradus(melody),
        **_moments("melaccent", expectancy.melaccent(melody)),
        **_moments("melattraction", expectancy.melattraction(melody, key)),
        **_moments("mobility", expectancy.mobility(melody)),
        **_moments("tessitura", expectancy.tessitura(melody)),
        **{f"narmour_{name}": float(values.mean()) for name, values in narmour.items()},
    }


def _rhythmic(notes: Notes, melody: Notes) -> Values:
    per_beat, per_second = rhythm.notedensity(notes)
    return {
        "gettempo": rhythm.gettempo(notes),
        "notedensity_beat": per_beat,
        "notedensity_second": per_second,
        "concur": rhythm.concur(notes),
        **_moments("duraccent", dist.duraccent(notes.seconds)),
        "nPVI": rhythm.npvi(melody),
        "meter": rhythm.meter(notes),
        **_moments("metrichierarchy", rhythm.metrichierarchy(melody)),
        "meteraccent": rhythm.meteraccent(melody),
        "onsetacorr": rhythm.onsetacorr(notes),
        "onsetdist": rhythm.onsetdist(notes),
    }


def _moments(name: str, values: FloatArray) -> Values:
    return {f"{name}_mean": float(values.mean()), f"{name}_sd": float(values.std())}


def _column_names() -> tuple[str, ...]:
    """As jSymbolic names the values of one feature: with a number appended, from 0."""
    one = np.array([0.0, 1.0])
    example = _named(Notes(one[:1], one[1:], one[:1], one[1:], np.array([60])))
    return tuple(
        column
        for name, value in example.items()
        for column in ([f"{name}_{i}" for i in range(np.size(value))] if np.ndim(value) else [name])
    )


COLUMNS = _column_names()

PANDA_EXTRA = Derivation("panda-extra", 1, panda_extra)
