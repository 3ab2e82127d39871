"""Splitting a dataset by song, with the class distribution kept as well as it can be."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Counts = tuple[int, ...]

_N_STARTS = 10


def choose_songs(counts: Mapping[str, Counts], n_clips: int) -> set[str]:
    """Songs that together have `n_clips` clips and the class distribution of all songs.

    A choice is the better, the nearer its number of clips is to `n_clips`; among equals, the
    nearer its class distribution is to that of all songs (sum of absolute differences of the
    counts). The search starts ten times: for i in 0..9, songs are taken while they fit, in the
    order of sha256("i song"); then, as long as that helps, the best exchange of a song inside for
    one outside is made. The best end counts. Ties go to the name that comes first. Only
    whole numbers are compared, so the choice is the same everywhere.

    Args:
        counts: number of clips per class, for each song.
        n_clips: number of clips wanted.
    """
    pool = _sum(counts, counts)
    total = sum(pool)

    def cost(chosen: Counts) -> tuple[int, int]:
        # Differences of the counts, times `total` to stay in whole numbers.
        distances = (abs(c * total - p * n_clips) for c, p in zip(chosen, pool, strict=True))
        return abs(sum(chosen) - n_clips), sum(distances)

    def search(start: int) -> tuple[tuple[int, int], list[str]]:
        inside = _fill(counts, n_clips, start)
        while True:
            chosen = _sum(counts, inside)
            exchanges = (
                (cost(_exchange(chosen, counts[leaves], counts[enters])), leaves, enters)
                for leaves in inside
                for enters in counts.keys() - inside
            )
            best, leaves, enters = min(exchanges, default=(cost(chosen), "", ""))
            if best >= cost(chosen):
                return cost(chosen), sorted(inside)
            inside = inside - {leaves} | {enters}

    return set(min(search(start) for start in range(_N_STARTS))[1])


def _fill(counts: Mapping[str, Counts], n_clips: int, start: int) -> set[str]:
    inside: set[str] = set()
    room = n_clips
    for song in sorted(counts, key=lambda s: hashlib.sha256(f"{start} {s}".encode()).digest()):
        if sum(counts[song]) <= room:
            inside.add(song)
            room -= sum(counts[song])
    return inside


def _sum(counts: Mapping[str, Counts], songs: Iterable[str]) -> Counts:
    n_classes = len(next(iter(counts.values())))
    chosen = list(songs)
    return tuple(sum(counts[song][i] for song in chosen) for i in range(n_classes))


def _exchange(chosen: Counts, leaves: Counts, enters: Counts) -> Counts:
    return tuple(c - a + b for c, a, b in zip(chosen, leaves, enters, strict=True))
