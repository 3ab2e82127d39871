"""Manifests: which clips a dataset has, with which content, song, split and label.

A manifest is a CSV file that a person can read, with a header of comment lines::

    # name: emopia
    # version: 2.2
    # file: midis/{id}.mid
    # about: one line
    # rule: any number of lines that say how splits and labels came about
    clip,sha256,song,split,label,notes,dirt

It is what trust in downloaded files rests on, and all that planning needs to know.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bench.datasets.dataset import LEFT_OUT, SPLITS, ClipRow, Dataset, DatasetInfo, digest_of
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.clips import Clip

_COLUMNS = ["clip", "sha256", "song", "split", "label", "notes", "dirt"]
_SHA256 = re.compile("[0-9a-f]{64}")
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class ManifestRow(ClipRow):
    """One clip of a manifest."""

    notes: int  # number of notes
    dirt: tuple[str, ...] = ()  # what is odd about it: `bench.datasets.survey.DIRT`


@dataclass(frozen=True, eq=False)
class Manifest:
    """The clips of one version of a dataset."""

    name: str
    version: str
    file: str  # where a clip lies below the dataset's folder; {id} stands for its id
    about: str
    rules: tuple[str, ...]
    rows: tuple[ManifestRow, ...]

    @cached_property
    def digest(self) -> str:
        """See `digest_of`: `notes` and `dirt` follow from the content. Comments do not count."""
        return digest_of(self.name, self.version, self.rows)

    @cached_property
    def files(self) -> Mapping[str, ManifestRow]:
        """The rows by file, a path below the dataset's folder."""
        return {self.file_of(row): row for row in self.rows}

    def file_of(self, row: ManifestRow) -> str:
        """A row's file, a path below the dataset's folder."""
        return self.file.replace("{id}", row.clip)

    @cached_property
    def info(self) -> DatasetInfo:
        """Name, version, digest and sizes."""
        sizes = {split: sum(row.split == split for row in self.rows) for split in SPLITS}
        return DatasetInfo(self.name, self.version, self.digest, sizes, self.about)

    def missing(self, folder: Path) -> list[str]:
        """Files that are not below `folder`, without reading any."""
        found: dict[str, set[str]] = {}
        missing = []
        for file in self.files:
            parent, _, name = file.rpartition("/")
            if parent not in found:  # one listing of a folder costs less than asking for each file
                place = folder / parent
                found[parent] = {path.name for path in place.iterdir()} if place.is_dir() else set()
            if name not in found[parent]:
                missing.append(file)
        return missing

    def expected(self, folder: Path) -> dict[Path, str]:
        """The sha256 that each file below `folder` must have."""
        return {folder / file: row.sha256 for file, row in self.files.items()}

    def dataset(self, folder: Path) -> Dataset:
        """The dataset whose files lie below `folder`. Their content is checked when it is read.

        Raises:
            UserError: a file is missing (the message names it), or a song crosses splits.
        """
        from bench.clips import Clip
        from bench.datasets.builtin import BUILT_IN  # which is made of manifests
        from bench.labels import QUADRANTS

        if missing := self.missing(folder):
            more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
            hint = f"; `bench data fetch {self.name}` repairs it" if self.name in BUILT_IN else ""
            raise UserError(
                f"{folder / missing[0]}{more}: missing from {self.name} {self.version}{hint}"
            )
        splits: dict[str, list[Clip]] = {split: [] for split in (*SPLITS, LEFT_OUT)}
        for file, row in self.files.items():
            quadrant = None if row.split == LEFT_OUT else QUADRANTS.index(row.label)
            splits[row.split].append(Clip(row.clip, row.song, folder / file, row.sha256, quadrant))
        clips = [tuple(splits[split]) for split in (*SPLITS, LEFT_OUT)]
        return Dataset(self.name, self.version, *clips, digest=self.digest)

    def to_csv(self) -> str:
        """The text of the manifest's file."""
        text = io.StringIO()
        header = [("name", self.name), ("version", self.version), ("file", self.file)]
        header += [("about", self.about), *(("rule", rule) for rule in self.rules)]
        text.writelines(f"# {key}: {value}\n" for key, value in header)
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for row in self.rows:
            fields = (row.clip, row.sha256, row.song, row.split, row.label, row.notes)
            writer.writerow((*fields, " ".join(row.dirt)))
        return text.getvalue()


def read_manifest(path: Path) -> Manifest:
    """Read a manifest's file.

    Raises:
        UserError: it cannot be read or is not a manifest; the message names file and line.
    """
    try:
        return parse_manifest(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a manifest: {error}") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def parse_manifest(text: str) -> Manifest:
    """The manifest that `Manifest.to_csv` wrote.

    Raises:
        ValueError: it is not one; the message begins with the line's number.
    """
    lines = text.splitlines()
    n_comments = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    header: dict[str, list[str]] = {}
    for line in lines[:n_comments]:
        key, _, value = line[1:].partition(":")
        header.setdefault(key.strip(), []).append(value.strip())
    for key in ("name", "version", "file"):
        if key not in header:
            raise ValueError(f"line 1: the header has no `# {key}: ...`")
    reader = csv.reader(lines[n_comments:])
    if next(reader, None) != _COLUMNS:
        raise ValueError(f"line {n_comments + 1}: expected the columns {','.join(_COLUMNS)}")
    rows = [_row(fields, n_comments + reader.line_num) for fields in reader if fields]
    manifest = Manifest(
        header["name"][0],
        header["version"][0],
        header["file"][0],
        "".join(header.get("about", [])),
        tuple(header.get("rule", [])),
        tuple(rows),
    )
    _check_files(manifest)
    return manifest


def _row(fields: list[str], line: int) -> ManifestRow:
    from bench.labels import QUADRANTS  # not above: to know datasets by name needs no NumPy

    if len(fields) != len(_COLUMNS):
        raise ValueError(f"line {line}: {len(fields)} fields instead of {len(_COLUMNS)}")
    clip, sha256, song, split, label, notes, dirt = fields
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"line {line}: {sha256!r} is not a sha256")
    if split not in (*SPLITS, LEFT_OUT):
        raise ValueError(f"line {line}: unknown split {split!r}")
    if split != LEFT_OUT and label not in QUADRANTS:
        raise ValueError(f"line {line}: unknown label {label!r}: it is one of Q1, Q2, Q3, Q4")
    if not notes.isdecimal():
        raise ValueError(f"line {line}: {notes!r} is not a number of notes")
    return ManifestRow(clip, sha256, song, split, label, int(notes), tuple(dirt.split()))


def _check_files(manifest: Manifest) -> None:
    if len(manifest.files) < len(manifest.rows):
        ((file, n),) = Counter(map(manifest.file_of, manifest.rows)).most_common(1)
        raise ValueError(f"{n} rows name the file {file!r}")
    for file in manifest.files:
        if not is_inside(file):
            raise ValueError(f"{file!r} would lie outside of the dataset's folder")


def is_inside(file: str) -> bool:
    """Whether a relative path stays below the folder that it is relative to, on any system."""
    parts = file.replace("\\", "/").split("/")
    leaves = not parts[0] or ".." in parts or _DRIVE.match(file)
    return not leaves and any(part not in ("", ".") for part in parts)
