"""Making the manifests that the package carries: `python -m bench.datasets.make_manifest DIR`.

DIR holds the published archives, as for `bench data fetch --mirror DIR`. EMOPIA's must hold its
`split` folder. The manifests are a pure function of the archives, written to `--output`
(by default, over those of the package); `synthetic` needs no archive.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import click

from bench.datasets.builtin import SOURCES
from bench.datasets.dataset import LEFT_OUT, SPLITS
from bench.datasets.grouped_split import choose_songs
from bench.datasets.manifest import Manifest, ManifestRow
from bench.datasets.survey import dirt_of
from bench.datasets.synthetic import compose
from bench.errors import UserError
from bench.labels import QUADRANTS, quadrant_of
from bench.midi import parse_midi

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Clips of VGMIDI that the MT-SMNN paper validates on; the rest of its training list trains.
VGMIDI_VALID = 879


class _Archive:
    """The files of a zip archive, by the end of their path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = zipfile.ZipFile(path)
        self._members = {
            "/".join(PurePosixPath(name).parts[-depth:]): name
            for depth in (2, 3)
            for name in self._zip.namelist()
        }

    def __contains__(self, file: str) -> bool:
        return file in self._members

    def read(self, file: str) -> bytes:
        if file not in self:
            raise UserError(f"{self._path}: has no {file}, which the manifest is made from")
        return self._zip.read(self._members[file])

    def table(self, file: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.read(file).decode())))


def _row(content: bytes, clip: str, song: str, split: str, labels: Iterable[str]) -> ManifestRow:
    midi = parse_midi(content, name=clip)
    contradictory = ("contradictory",) if split == LEFT_OUT else ()
    return ManifestRow(
        clip,
        hashlib.sha256(content).hexdigest(),
        song,
        split,
        "|".join(labels),
        len(midi.notes),
        (*contradictory, *dirt_of(midi)),
    )


def _in_order(rows: Iterable[ManifestRow]) -> tuple[ManifestRow, ...]:
    order = (*SPLITS, LEFT_OUT)
    return tuple(sorted(rows, key=lambda row: (order.index(row.split), row.clip)))


def emopia(archive: _Archive) -> Manifest:
    """EMOPIA 2.2 in the splits of EMOPIA 1.0."""
    rows = []
    for split, table in zip(SPLITS, ("train", "val", "test"), strict=True):
        for entry in archive.table(f"split/{table}_clip.csv"):
            file = entry["clip_name"]
            if f"midis/{file}" not in archive:
                continue  # 2.2 dropped it
            clip = PurePosixPath(file).stem
            match = re.fullmatch(r"(Q[1-4])_(.{11})_\d+", clip)
            if not match:
                raise UserError(f"{file}: not a name like Q1_<YouTube id>_0.mid")
            rows.append(_row(archive.read(f"midis/{file}"), clip, match[2], split, [match[1]]))
    return Manifest(
        "emopia",
        "2.2",
        "midis/{id}.mid",
        "EMOPIA 2.2: pop piano, transcribed from audio; labelled clip by clip by its authors",
        (
            "splits: the clip lists of EMOPIA 1.0 (split/*_clip.csv), cut to the files of 2.2",
            "label: the quadrant in the file name; song: the YouTube id in it",
        ),
        _in_order(rows),
    )


def vgmidi(archive: _Archive) -> Manifest:
    """VGMIDI as published with Bardo Composer, with a validation split of our own."""
    labels: dict[str, dict[str, None]] = defaultdict(dict)
    songs: dict[str, str] = {}
    published: dict[str, str] = {}
    for split in ("train", "test"):
        for entry in archive.table(f"vgmidi/vgmidi_bardo_{split}.csv"):
            clip = entry["filepath"]
            if songs.setdefault(clip, entry["id"]) != entry["id"] or (
                published.setdefault(clip, split) != split
            ):
                raise UserError(f"{clip}: is in two songs or splits")
            quadrant = quadrant_of(
                high_valence=entry["valence"] == "1", high_arousal=entry["arousal"] == "1"
            )
            labels[clip][QUADRANTS[quadrant]] = None
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for clip, found in labels.items():
        if published[clip] == "train" and len(found) == 1:
            counts[songs[clip]].update(list(found))
    valid = choose_songs(
        {song: tuple(count[label] for label in QUADRANTS) for song, count in counts.items()},
        VGMIDI_VALID,
    )

    def split_of(clip: str) -> str:
        if len(labels[clip]) > 1:
            return LEFT_OUT
        if published[clip] == "train" and songs[clip] in valid:
            return "valid"
        return published[clip]

    return Manifest(
        "vgmidi",
        "bardo-6ab3655",
        "{id}",
        "VGMIDI phrases of Bardo Composer: game music, each piece cut into 1, 2, 4, 8 and 16 parts",
        (
            "test: vgmidi_bardo_test.csv as published; train and valid: vgmidi_bardo_train.csv",
            "valid: whole songs, 879 clips as in the MT-SMNN paper, with the classes of train",
            "choice of the songs: by the search in bench/datasets/grouped_split.py",
            "label: Q1 (valence, arousal) = (1, 1), Q2 (0, 1), Q3 (0, 0), Q4 (1, 0); song: id",
            "left-out: a clip that the list gives two labels has none to trust",
        ),
        _in_order(
            _row(archive.read(clip), clip, songs[clip], split_of(clip), sorted(found))
            for clip, found in labels.items()
        ),
    )


def synthetic() -> Manifest:
    """The generated clips, made by composing them."""
    return Manifest(
        "synthetic",
        "1",
        "{id}.mid",
        "Generated: quadrants from mode, register, tempo, density and velocity, with overlap",
        (
            "clips: generated from seed 6 by bench/datasets/synthetic.py",
            "splits: of the 15 songs of a quadrant 9 train, 2 validate, and 4 test",
        ),
        _in_order(
            _row(clip.content, clip.id, clip.song, clip.split, [QUADRANTS[clip.quadrant]])
            for clip in compose()
        ),
    )


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(__file__).parent / "manifests",
    help="Folder to write the manifests to.",
)
def main(folder: Path, output: Path) -> None:
    """Make the manifests of all datasets from the archives in FOLDER."""
    output.mkdir(parents=True, exist_ok=True)
    makers = {"emopia": emopia, "vgmidi": vgmidi}
    manifests = [make(_Archive(folder / SOURCES[name].archive)) for name, make in makers.items()]
    for manifest in [*manifests, synthetic()]:
        file = output / f"{manifest.name}.csv"
        file.write_text(manifest.to_csv(), encoding="utf-8", newline="\n")
        click.echo(f"{file}: {len(manifest.rows):,} clips, digest {manifest.digest}")


if __name__ == "__main__":
    main()
