"""What the site shows of a dataset's music: songs, keys, and the notes as piano rolls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets import dataset_info, dataset_names, load_dataset, manifest_rows
from bench.datasets.fetch import is_fetched
from bench.keys import find_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.midi import Midi

#: Onsets and durations are kept in hundredths of a second.
ROLL_UNITS_PER_SECOND = 100


@dataclass(frozen=True)
class Music:
    """One dataset's clips, by id; empty where nothing is known of them."""

    songs: Mapping[str, str] = field(default_factory=dict)
    n_notes: Mapping[str, int] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)  # "" for a clip without notes
    rolls: Mapping[str, list[int]] | None = None  # None where the files are not here
    why_not: str = ""  # in one sentence, why there are no rolls


def music_of(dataset: str, digest: str) -> Music:
    """What this machine knows of the clips that records were made of.

    Args:
        dataset: its name.
        digest: of the manifest that the records were measured on; another version's clips may be
            other music under the same name.

    Raises:
        UserError: a file is corrupt; the message names it.
    """
    if dataset not in dataset_names():
        return Music(why_not="This dataset is of a package that was not installed.")
    if dataset_info(dataset).digest != digest:
        return Music(why_not="The records were measured on another version of this dataset.")
    rows = manifest_rows(dataset)
    songs = {row.clip: row.song for row in rows}
    n_notes = {row.clip: row.notes for row in rows}
    if not is_fetched(dataset):
        return Music(
            songs,
            n_notes,
            why_not="The MIDI files were not at hand when this page was written; "
            f"`bench data fetch {dataset}` gets them, then `bench report` again.",
        )
    clips = load_dataset(dataset).test
    keys = {
        clip.id: key.name if key else "" for clip, key in zip(clips, find_keys(clips), strict=True)
    }
    return Music(songs, n_notes, keys, {clip.id: piano_roll(clip.midi) for clip in clips})


def piano_roll(midi: Midi) -> list[int]:
    """The notes by onset, four numbers each.

    They are the time since the onset before, the duration (both in hundredths of a second), the
    pitch 0..127, and the velocity 1..127.
    """
    notes = midi.notes
    begin, end = (
        np.rint(midi.seconds(ticks) * ROLL_UNITS_PER_SECOND).astype(np.int64)
        for ticks in (notes.onset, notes.end)
    )
    order = np.lexsort((notes.pitch, begin))
    steps = np.diff(begin[order], prepend=0)
    table = np.stack(
        [steps, (end - begin)[order], notes.pitch[order], notes.velocity[order]], axis=1
    )
    roll: list[int] = table.ravel().tolist()
    return roll
