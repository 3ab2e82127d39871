"""The datasets that come with the benchmark: their manifests, and where their files come from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.datasets.manifest import Manifest, read_manifest

VGMIDI_COMMIT = "6ab3655c00e80cad55064a9ead4534a9511516b5"


@dataclass(frozen=True, slots=True)
class Source:
    """A published archive that holds a dataset's MIDI files."""

    archive: str  # file name, also in a mirror
    url: str
    md5: str | None  # as its publisher states it


#: Where real datasets come from; `synthetic` is generated.
SOURCES = {
    "emopia": Source(
        "EMOPIA_2.2.zip",
        "https://zenodo.org/records/5257995/files/EMOPIA_2.2.zip",
        "bad5171786a4898f37fc2678e99afd94",
    ),
    "vgmidi": Source(
        f"bardo-composer-{VGMIDI_COMMIT}.zip",
        f"https://github.com/lucasnfe/bardo-composer/archive/{VGMIDI_COMMIT}.zip",
        None,  # packed on demand, so its bytes may change; the manifest checks its content
    ),
}

BUILT_IN = (*SOURCES, "synthetic")


@cache
def built_in_manifest(name: str) -> Manifest:
    """The manifest of one of `BUILT_IN`."""
    return read_manifest(Path(__file__).parent / "manifests" / f"{name}.csv")
