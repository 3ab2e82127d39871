"""A clip: one piece of music with, where it is known, its emotion."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.midi import parse_midi, read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from bench.midi import Midi


@dataclass(frozen=True, eq=False)
class Clip:
    """One MIDI file of a dataset, or one that a user brought along.

    Nothing is read until `midi` is asked for, and then once.
    """

    id: str  # unique in its dataset, as its publisher spells it
    song: str  # clips of one song never lie in different splits
    path: Path
    sha256: str  # of the file's bytes; what is computed from a clip is kept under it
    quadrant: int | None = None  # 0..3 for Q1..Q4; None when unknown

    @classmethod
    def from_file(
        cls,
        path: Path,
        *,
        id: str | None = None,  # noqa: A002 - the field's name
        song: str | None = None,
        quadrant: int | None = None,
    ) -> Clip:
        """The clip that a file holds now.

        Args:
            path: of the MIDI file, which is read for its digest.
            id: by default the file's name without its suffix.
            song: by default the id: no other clip is of the same.
            quadrant: 0..3 for Q1..Q4.

        Raises:
            MidiError: the file cannot be read.
        """
        name = path.stem if id is None else id
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        return cls(name, name if song is None else song, path, digest, quadrant)

    @cached_property
    def midi(self) -> Midi:
        """The file's content.

        Raises:
            MidiError: not a readable MIDI file.
            UserError: missing, or not the file that the dataset's manifest names.
        """
        data = read_bytes(self.path)
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise UserError(f"{self.path}: not the file that was expected: its sha256 differs")
        return parse_midi(data, name=str(self.path))

    @property
    def label(self) -> int:
        """The quadrant, 0..3.

        Raises:
            UserError: the clip has no label, so nothing can be learned from it or scored on it.
        """
        if self.quadrant is None:
            raise UserError(f"{self.id}: this clip has no emotion label")
        return int(self.quadrant)  # that of a table may be NumPy's, which no record can hold
