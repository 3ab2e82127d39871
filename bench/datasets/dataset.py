"""A dataset: labelled clips in three splits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.clips import Clip

#: The split of clips that are published but neither learned from nor scored.
LEFT_OUT = "left-out"

_USES = {"train": "learn from", "valid": "choose by", "test": "score"}
SPLITS = tuple(_USES)


@dataclass(frozen=True, slots=True)
class ClipRow:
    """What is known of a clip without reading its music."""

    clip: str
    sha256: str  # of the MIDI file
    song: str
    split: str  # train, valid, test or left-out
    label: str  # Q1..Q4; of a clip that is left out, whatever its publisher says


def digest_of(name: str, version: str, rows: Iterable[ClipRow]) -> str:
    """sha256, in hexadecimal, of what decides an outcome: all of `ClipRow`, and the rows' order."""
    lines = [f"{name}\t{version}"]
    lines += [f"{r.clip}\t{r.sha256}\t{r.song}\t{r.split}\t{r.label}" for r in rows]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Clips in three splits that share no song.

    Raises:
        UserError: a split has no clip, or one without a quadrant; a song lies in two splits; or two
            clips have one id.
    """

    name: str
    version: str
    train: tuple[Clip, ...]
    valid: tuple[Clip, ...]
    test: tuple[Clip, ...]
    left_out: tuple[Clip, ...] = ()  # published, but of no use: neither learned from nor scored
    #: Of all that decides an outcome: clips, contents, songs, splits, labels.
    digest: str = field(default="", kw_only=True)  # computed from the clips, where it is not given

    def __post_init__(self) -> None:
        ids: set[str] = set()
        for clip in self.clips:
            if clip.id in ids:
                raise UserError(f"dataset {self.name}: two clips have the id {clip.id!r}")
            ids.add(clip.id)
        split_of: dict[str, str] = {}
        for split, clips in self.splits.items():
            if not clips:
                raise UserError(f"dataset {self.name}: no clip to {_USES[split]}: {split} is empty")
            for clip in clips:
                if clip.quadrant not in range(4):
                    raise UserError(
                        f"dataset {self.name}: {split} clip {clip.id!r} has no quadrant 0..3"
                    )
                other = split_of.setdefault(clip.song, split)
                if other != split:
                    raise UserError(
                        f"dataset {self.name}: song {clip.song!r} lies in both {other} and {split}"
                    )
        if not self.digest:
            object.__setattr__(self, "digest", digest_of(self.name, self.version, self.rows))

    @property
    def splits(self) -> Mapping[str, tuple[Clip, ...]]:
        """The clips of train, valid and test."""
        return {"train": self.train, "valid": self.valid, "test": self.test}

    @property
    def clips(self) -> tuple[Clip, ...]:
        """Every clip that was published: train, valid, test, and those left out."""
        return self.train + self.valid + self.test + self.left_out

    @property
    def rows(self) -> list[ClipRow]:
        """One for each of `clips`, in their order; a clip without a quadrant has the label ""."""
        from bench.labels import QUADRANTS  # not above: to know datasets by name needs no NumPy

        return [
            ClipRow(
                clip.id,
                clip.sha256,
                clip.song,
                split,
                "" if clip.quadrant is None else QUADRANTS[clip.quadrant],
            )
            for split, clips in {**self.splits, LEFT_OUT: self.left_out}.items()
            for clip in clips
        ]


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What is known of a dataset without reading any of its music."""

    name: str
    version: str
    digest: str
    sizes: Mapping[str, int]  # number of clips in train, valid and test
    about: str = ""  # one line
