"""What listeners expect of a melody, note by note.

After the functions of those names in MIDI Toolbox 1.1 (Eerola & Toiviainen 2004) and the papers
they cite. Each gives one value per note, shape (n_notes,), unless it says otherwise. Melodies too
short for a window get zeros.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from baselines.toolbox.tonality import degrees

if TYPE_CHECKING:
    from baselines.toolbox.melody import IntArray, Notes
    from baselines.toolbox.tonality import Key
    from bench.methods import FloatArray

#: Consonance of intervals from unison to major seventh (Krumhansl 1990, p. 57).
_CONSONANCE = np.array([10, 1, 4.16, 6.03, 7.25, 8.03, 5.76, 9.16, 6.32, 7.76, 5.66, 3.8])

#: Frequency ratios of the same intervals in just intonation.
_RATIOS = (
    (1, 1), (16, 15), (9, 8), (6, 5), (5, 4), (4, 3),
    (45, 32), (3, 2), (8, 5), (5, 3), (16, 9), (15, 8),
)  # fmt: skip

#: Share of pairs of degrees in 15,618 classical themes, where above 1 % (Simonton 1984).
_TRANSITIONS = {
    (7, 7): 0.067, (0, 0): 0.053, (7, 0): 0.049, (0, 2): 0.044, (0, 11): 0.032, (0, 7): 0.032,
    (7, 5): 0.031, (4, 4): 0.030, (4, 2): 0.030, (2, 0): 0.030, (7, 4): 0.029, (7, 9): 0.029,
    (4, 5): 0.028, (4, 7): 0.026, (2, 4): 0.024, (11, 0): 0.023, (0, 4): 0.022, (5, 7): 0.021,
    (5, 4): 0.021, (9, 7): 0.020, (3, 2): 0.018, (4, 0): 0.016, (2, 3): 0.014, (9, 11): 0.012,
    (11, 9): 0.011, (2, 2): 0.011, (8, 7): 0.011,
}  # fmt: skip

#: Anchoring strength of the degrees of a major and a minor key (Lerdahl 1996, p. 343-349).
_ANCHORS = np.array([[4, 1, 2, 1, 3, 2, 1, 3, 1, 2, 1, 2], [4, 1, 2, 3, 1, 2, 1, 3, 2, 2, 1, 2]])
#: Neighbours up to this many semitones away attract a note.
_REACH = 4
#: Notes of which a table with a column for each pitch is held at a time.
_AT_ONCE = 4096


def narmour(melody: Notes) -> dict[str, FloatArray]:
    """Principles of the implication-realisation model (Narmour 1990), by name.

    As revised by Schellenberg (1997, Music Perception 14): registral direction, registral return,
    intervallic difference, closure, proximity; and consonance (Krumhansl 1995). A large interval
    is more than a tritone in either direction; the Toolbox's code takes only upward ones for
    large, which its comments and the papers do not.
    """
    interval = np.diff(melody.pitch)
    first, second = interval[:-1], interval[1:]
    size, next_size = np.abs(first), np.abs(second)
    turns = np.sign(first) != np.sign(second)
    small, large = size < 6, size > 6
    shrinks = size - next_size
    direction = np.where(large, np.where(turns, 1, -1), 0)
    back = np.where(np.abs(first + second) <= 2, 1.5, 0)
    similar = np.abs(shrinks) < np.where(turns, 3, 4)
    difference = (small & similar) | (large & (shrinks >= 0))
    closure = np.where(turns, np.where(shrinks > 2, 2, 1), shrinks > 3)
    return {
        "rd": _late(direction, 2, len(melody)),
        "rr": _late(back, 2, len(melody)),
        "id": _late(difference, 2, len(melody)),
        "cl": _late(closure, 2, len(melody)),
        "pr": _late(np.abs(interval), 1, len(melody)),
        "co": np.append(_CONSONANCE[:1], _CONSONANCE[np.abs(interval) % 12])[: len(melody)],
    }


def melaccent(melody: Notes) -> FloatArray:
    """Melodic accent, 0..1, by the contour of three pitches (Thomassen 1982, JASA 71)."""
    n = len(melody)
    if n < 3:
        return np.zeros(n)
    motion = np.sign(np.diff(melody.pitch))
    before, after = motion[:-1], motion[1:]
    cases = [
        (before == 0) & (after == 0),
        (before != 0) & (after == 0),
        (before == 0) & (after != 0),
        (before > 0) & (after < 0),
        (before < 0) & (after > 0),
        (before > 0) & (after > 0),
    ]
    middle = np.select(cases, [0.00001, 1, 0.00001, 0.83, 0.71, 0.33], 0.5)
    last = np.select(cases, [0, 0, 1, 0.17, 0.29, 0.67], 0.5)
    # Every inner note is the last of one window and the middle of the next: the two are
    # multiplied, but for a 0, which says nothing of the note.
    accent = np.ones(n)
    accent[1:-1] *= middle
    accent[2:-1] *= np.where(last[:-1] > 0, last[:-1], 1)
    accent[-1] = last[-1]
    return accent


def melattraction(melody: Notes, key: Key) -> FloatArray:
    """Attraction of each note by the one before it, 0..1 (Lerdahl 1996, Music Perception 13).

    The stability gained, over the squared distance, less what other stable neighbours offered
    (the strongest, and half of the others), plus 1 for going on in a direction, less 1 for
    turning. The first note has 0. The Toolbox's code compares with the first note's stability, not
    with that of the note before.
    """
    anchor = _ANCHORS[int(key.minor)]
    degree, interval = degrees(melody.pitch, key), np.diff(melody.pitch)
    steps = np.array([step for step in range(-_REACH, _REACH + 1) if step])
    offered = anchor[(np.arange(12)[:, None] + steps) % 12]
    own = anchor[:, None]
    pull = np.where(offered > own, offered / own / steps**2, 0.0)[degree[:-1]]
    pull[steps == interval[:, None]] = 0  # the step taken is not an alternative
    strongest = pull.max(axis=1, initial=0)
    alternatives = strongest + (pull.sum(axis=1) - strongest) / 2
    before, after = anchor[degree[:-1]], anchor[degree[1:]]
    gained = np.where(after > before, after / before / np.maximum(np.abs(interval), 1) ** 2, 0.0)
    turned = np.where(np.diff(np.sign(interval), prepend=0) == 0, 1, -1)
    turned[:1] = 0
    motion = np.where(interval == 0, 0, turned)
    return _late(np.clip((motion + gained - alternatives + 1) / 5, 0, 1), 1, len(melody))


def tessitura(melody: Notes) -> FloatArray:
    """Distance of each pitch from the median of those before it, in their standard deviations.

    von Hippel (2000, Music Perception 17). 0 while they are all the same. The Toolbox's code takes
    the one pitch before for the median of those before.
    """
    before = melody.pitch[:-1]
    deviation = np.sqrt(np.maximum(_running_variance(before), 0))
    distance = np.abs(melody.pitch[1:] - _running_median(before))
    varied = deviation > 1e-9
    values = np.divide(distance, deviation, out=np.zeros(len(before)), where=varied)
    return _late(values, 1, len(melody))


def mobility(melody: Notes) -> FloatArray:
    """Expected return to the mean pitch (von Hippel 2000, Music Perception 17).

    Distance of each pitch from the mean of those before it, times the lag-one autocorrelation
    that pitches had so far; the first three notes have 0.
    """
    n = len(melody)
    values = np.zeros(n)
    if n < 4:
        return values
    pitch = melody.pitch.astype(np.float64)
    mean = np.cumsum(pitch) / np.arange(1, n + 1)
    height = pitch - mean
    # At note i the Toolbox correlates (0, h_1 .. h_i) with (h_1 .. h_i, h_i).
    x, y = np.append(0, height[:-1]), height
    count = np.arange(2, n + 1)
    sx, sy = np.cumsum(height)[:-1], np.cumsum(height)[:-1] + height[:-1]
    sxx = np.cumsum(height**2)[:-1]
    syy = sxx + height[:-1] ** 2
    sxy = np.cumsum(x * y)[:-1] + height[:-1] ** 2
    spread = (sxx - sx**2 / count) * (syy - sy**2 / count)
    covariance = sxy - sx * sy / count
    r = np.divide(
        covariance, np.sqrt(np.maximum(spread, 0)), out=np.zeros(n - 1), where=spread > 1e-9
    )
    values[3:] = np.abs(np.clip(r[1:-1], -1, 1) * (pitch[3:] - mean[2:-1]))
    return values


def gradus(melody: Notes) -> float:
    """Mean gradus suavitatis of the intervals (Euler 1739): low is melodious; 0 without any."""
    sizes = np.abs(np.diff(melody.pitch)) % 12
    return float(_SUAVITY[sizes].mean()) if len(sizes) else 0.0


def compltrans(melody: Notes, key: Key) -> float:
    """Melodic originality, about 0..10 (Simonton 1984, Psychology of Music 12); 0 without pairs.

    10 for a melody whose transitions of degrees never occur in classical themes.
    """
    degree = degrees(melody.pitch, key)
    if len(degree) < 2:
        return 0.0
    return float((0.0530 - _COMMON[degree[:-1], degree[1:]].mean()) * 188.68)


def _late(values: FloatArray | IntArray, first: int, n: int) -> FloatArray:
    """`values` for the notes from number `first` on, zeros before."""
    late = np.zeros(n)
    late[first:] = values
    return late


def _running_variance(pitch: IntArray) -> FloatArray:
    """Sample variance of the first i + 1 pitches, 0 for i = 0. Exact: pitches are whole numbers."""
    count = np.arange(1, len(pitch) + 1)
    squares = np.cumsum(pitch**2) * count - np.cumsum(pitch) ** 2
    variance: FloatArray = squares / np.maximum(count * (count - 1), 1)
    return variance


def _running_median(pitch: IntArray) -> FloatArray:
    """Median of the first i + 1 pitches."""
    medians = np.empty(len(pitch))
    pitches = np.unique(pitch)
    not_higher: IntArray = np.zeros((1, len(pitches)), dtype=np.int64)
    for begin in range(0, len(pitch), _AT_ONCE):
        block = slice(begin, begin + _AT_ONCE)
        not_higher = not_higher[-1] + np.cumsum(pitch[block, None] <= pitches, axis=0)
        last = np.arange(begin, begin + len(not_higher))[:, None]
        lower, upper = (
            pitches[(not_higher > rank).argmax(axis=1)] for rank in (last // 2, (last + 1) // 2)
        )
        medians[block] = (lower + upper) / 2
    return medians


def _suavity(ratio: tuple[int, int]) -> int:
    """Euler's degree: 1 + the sum of (p - 1) over the prime factors p of both numbers."""
    product, degree = ratio[0] * ratio[1], 1
    for prime in (2, 3, 5):
        while product % prime == 0:
            product //= prime
            degree += prime - 1
    return degree


def _common() -> FloatArray:
    # Pairs outside his list that a minor scale or F#-G can make occur half a percent of the time.
    table = np.zeros((12, 12))
    table[[3, 8, 10], :] = table[:, [3, 8, 10]] = 0.005
    table[6, 7] = table[7, 6] = 0.005
    for pair, share in _TRANSITIONS.items():
        table[pair] = share
    return table


_SUAVITY = np.array([_suavity(ratio) for ratio in _RATIOS])
_COMMON = _common()
