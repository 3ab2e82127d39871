"""The real datasets, where their archives lie on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

_BARDO = "bardo-composer-6ab3655c00e80cad55064a9ead4534a9511516b5"


@dataclass(frozen=True)
class MidiArchive:
    """The MIDI files of one dataset, by clip id, read when they are asked for."""

    path: Path
    place: str = field(repr=False)  # of a clip in the archive, with {} for its id

    @cached_property
    def _zip(self) -> ZipFile:
        return ZipFile(self.path)

    def __getitem__(self, clip: str) -> bytes:
        """The bytes of a clip's file."""
        return self._zip.read(self.place.format(clip))


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of reference answers, computed with the original programs."""
    folder = Path(__file__).parents[3] / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip("the reference answers are not on this machine")
    return folder


@pytest.fixture(scope="session")
def midi_archives() -> Mapping[str, MidiArchive]:
    """The datasets' archives from SMER_BENCH_MIRROR, by dataset."""
    chosen = os.environ.get("SMER_BENCH_MIRROR")
    folder = Path(chosen) if chosen else Path(__file__).parents[3] / "shared" / "mirror"
    archives = {
        "emopia": MidiArchive(folder / "EMOPIA_2.2.zip", "EMOPIA_2.2/midis/{}.mid"),
        "vgmidi": MidiArchive(folder / f"{_BARDO}.zip", f"{_BARDO}/data/vgmidi/{{}}"),
    }
    for archive in archives.values():
        if not archive.path.is_file():
            pytest.skip(f"no {archive.path.name}: set SMER_BENCH_MIRROR to a folder that has it")
    return archives
