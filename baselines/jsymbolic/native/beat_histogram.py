"""Beat histograms, of the actual tempo and of 120 BPM throughout: R-53 ... R-66, RT-16 ... RT-29.

A beat histogram is the autocorrelation of the loudness of note-ons, with the lags gathered in bins
of one beat per minute (BPM) from 40 to 200 BPM.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from baselines.jsymbolic.native.numerics import deviation, mean, normalised, ratio
from bench.midi import MidiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from baselines.jsymbolic.native.piece import Feature, Piece

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

    T = TypeVar("T", bound=float | FloatArray)

_SLOWEST, _FASTEST = 40, 200  # BPM; a bin's index is its BPM, so the first 40 bins are empty
_STRONG, _MODERATE, _RELATIVE = 0.1, 0.01, 0.3  # what a peak must exceed; the last of the highest
_MULTIPLES = np.array([1, 2, 3, 4, 6, 8])
_TOLERANCE = 3  # bins by which a multiple may be missed
_LONGEST_LAG = np.iinfo(np.int32).max
_MOST_PAIRS = 100_000_000  # of note onsets; music has some ten thousand
_PAIRS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class BeatHistogram:
    """One beat histogram and its peaks, all of shape (201,); the index is the BPM.

    Peaks are zero in all bins but those above the threshold that are no lower than a neighbour
    above it.
    """

    bins: FloatArray  # sums to 1
    strong: FloatArray
    moderate: FloatArray
    relative: FloatArray

    @property
    def strongest(self) -> int:
        """BPM of the highest bin, the first of equals; 0 where all are empty."""
        return int(self.bins.argmax())

    @property
    def second(self) -> int:
        """BPM of the highest moderate peak apart from it; 0 where there is none."""
        others = self.moderate.copy()
        others[self.strongest] = 0.0
        return int(others.argmax())

    @property
    def second_strength(self) -> float:
        """Height of that peak."""
        return float(self.bins[self.second])


def beat_histograms(piece: Piece) -> tuple[BeatHistogram, BeatHistogram]:
    """The beat histogram at the piece's mean tempo and at 120 BPM.

    Raises:
        MidiError: too many note onsets follow each other too closely to be compared.
    """
    actual, standard = (
        _lag_edges(piece.mean_ticks_per_second),
        _lag_edges(2.0 * piece.midi.ticks_per_beat),
    )
    first, end = min(actual[-1], standard[-1]), max(actual[0], standard[0])
    lags, strengths = _autocorrelation(piece, int(first), int(end))
    standardised = _histogram(lags, strengths, standard)
    if np.array_equal(actual, standard):
        return standardised, standardised
    return _histogram(lags, strengths, actual), standardised


def _lag_edges(ticks_per_second: float) -> IntArray:
    """Whole ticks in a beat at 39, 40, ... 200 BPM: the lags of a bin end where the next begin."""
    edges = ticks_per_second * 60.0 / np.arange(_SLOWEST - 1, _FASTEST + 1)
    return np.nan_to_num(edges).clip(0, _LONGEST_LAG).astype(np.int64)


def _autocorrelation(piece: Piece, first: int, end: int) -> tuple[IntArray, FloatArray]:
    """The lags first..end-1, in ticks, at which note-ons coincide, and the loudness they have.

    Only pairs of onsets are looked at, not ticks: a piece has hundreds of the one and
    ten thousands of the other.
    """
    ticks, where = np.unique(piece.notes.onset, return_inverse=True)
    loudness = np.bincount(where, weights=piece.loudness)
    begin = np.searchsorted(ticks, ticks + first)
    counts = np.searchsorted(ticks, ticks + end) - begin
    n_pairs = int(counts.sum())
    if n_pairs > _MOST_PAIRS:
        raise MidiError("too many note onsets follow each other too closely for a beat histogram")
    lags, sums = np.empty(0, dtype=np.int64), np.empty(0)
    cuts = np.searchsorted(np.cumsum(counts), np.arange(_PAIRS_AT_ONCE, n_pairs, _PAIRS_AT_ONCE))
    for block in np.split(np.arange(len(ticks)), cuts):
        n = counts[block]
        earlier = np.repeat(block, n)
        later = np.arange(n.sum()) + np.repeat(begin[block] - np.cumsum(n) + n, n)
        lags, where = np.unique(np.append(lags, ticks[later] - ticks[earlier]), return_inverse=True)
        products = loudness[later] * loudness[earlier]
        sums = np.bincount(where, weights=np.append(sums, products)).astype(np.float64)
    return lags, sums / (piece.n_ticks + 1)


def _histogram(lags: IntArray, strengths: FloatArray, edges: IntArray) -> BeatHistogram:
    bpm = _FASTEST + 1 - np.searchsorted(edges[::-1], lags, side="right")
    inside = (bpm >= _SLOWEST) & (bpm <= _FASTEST)
    # Sums lag by lag, shortest first: the rounding decides which of two equal beats is stronger.
    bins = normalised(np.bincount(bpm[inside], strengths[inside], minlength=_FASTEST + 1))
    thresholds = (_STRONG, _MODERATE, _RELATIVE * float(bins.max()))
    return BeatHistogram(bins, *(_peaks(bins, threshold) for threshold in thresholds))


def _peaks(bins: FloatArray, threshold: float) -> FloatArray:
    """Bins above the threshold, from left to right cleared where a neighbour is still above."""
    peaks = np.where(bins > threshold, bins, 0.0).tolist()
    for i in range(_SLOWEST, len(peaks)):
        if peaks[i] and peaks[i - 1]:
            peaks[i - 1 if peaks[i] > peaks[i - 1] else i] = 0.0
    return np.array(peaks)


def _harmonicity(histogram: BeatHistogram) -> float:
    low, high = sorted((histogram.strongest or 1, histogram.second or 1))
    return high / low


def _strength_ratio(histogram: BeatHistogram) -> float:
    return ratio(float(histogram.bins.max()), histogram.second_strength)


def _looseness(histogram: BeatHistogram) -> float:
    """Mean distance of the last bins on both sides of a peak that reach 30 % of its height."""
    peaks = np.flatnonzero(histogram.relative)
    widths = []
    for peak in peaks.tolist():
        # The empty bins below 40 BPM end every peak on the left.
        low = np.flatnonzero(histogram.bins < _RELATIVE * histogram.bins[peak])
        right = np.searchsorted(low, peak)
        end = low[right] if right < len(low) else len(histogram.bins)
        widths.append((end - 1) - (low[right - 1] + 1))
    return mean(np.array(widths))


def _polyrhythms(histogram: BeatHistogram) -> float:
    """Fraction of the peaks that *are* near a multiple or a fraction of the strongest one.

    The program's description says the opposite.
    """
    peaks = np.flatnonzero(histogram.relative)
    if not len(peaks):
        return 0.0
    strongest, beats = int(histogram.relative.argmax()), np.arange(_FASTEST + 1)
    related = np.isin(beats, strongest * _MULTIPLES)
    related |= (np.outer(beats, _MULTIPLES) == strongest).any(axis=1)
    near = [related[max(p - _TOLERANCE, 0) : p + _TOLERANCE + 1].sum() for p in peaks.tolist()]
    return float(sum(near) / len(peaks))


_OF_HISTOGRAM: dict[str, Callable[[BeatHistogram], float]] = {
    "Number of Strong Rhythmic Pulses": lambda h: float(np.count_nonzero(h.strong)),
    "Number of Moderate Rhythmic Pulses": lambda h: float(np.count_nonzero(h.moderate)),
    "Number of Relatively Strong Rhythmic Pulses": lambda h: float(np.count_nonzero(h.relative)),
    "Strongest Rhythmic Pulse": lambda h: h.strongest,
    "Second Strongest Rhythmic Pulse": lambda h: h.second,
    "Harmonicity of Two Strongest Rhythmic Pulses": _harmonicity,
    "Strength of Strongest Rhythmic Pulse": lambda h: float(h.bins.max()),
    "Strength of Second Strongest Rhythmic Pulse": lambda h: h.second_strength,
    "Strength Ratio of Two Strongest Rhythmic Pulses": _strength_ratio,
    "Combined Strength of Two Strongest Rhythmic Pulses": lambda h: (
        float(h.bins.max()) + h.second_strength
    ),
    "Rhythmic Variability": lambda h: deviation(h.bins[_SLOWEST:]),
    "Rhythmic Looseness": _looseness,
    "Polyrhythms": _polyrhythms,
}


def _actual(statistic: Callable[[BeatHistogram], T]) -> Callable[[Piece], T]:
    return lambda piece: statistic(piece.beat_histograms[0])


def _standardised(statistic: Callable[[BeatHistogram], T]) -> Callable[[Piece], T]:
    return lambda piece: statistic(piece.beat_histograms[1])


FEATURES: dict[str, Feature] = {
    "Beat Histogram Tempo Standardized": _standardised(lambda h: h.bins[_SLOWEST:]),
    "Beat Histogram": _actual(lambda h: h.bins[_SLOWEST:]),
    **{f"{name} - Tempo Standardized": _standardised(f) for name, f in _OF_HISTOGRAM.items()},
    **{name: _actual(f) for name, f in _OF_HISTOGRAM.items()},
}
