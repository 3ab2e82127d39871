"""What is computed from a clip's notes, kept on disk under its content and the code's version.

Keys, tokens and features are pure functions of one MIDI file. `derive` computes such a function
for many clips at once, reads each file at most once, and keeps the result as one memory-mappable
file; a second call reads no MIDI at all. A cache file that is truncated or of another origin is
computed anew. Where the folder cannot be written, everything is computed each time, after a
warning.
"""

from __future__ import annotations

import hashlib
import warnings
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing import current_process
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from bench.claims import Claims
from bench.errors import UserError
from bench.files import write_atomically
from bench.folders import CACHE_HINT, cache_directory
from bench.machine import usable_cores
from bench.midi import MidiError
from bench.processes import process_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.clips import Clip
    from bench.midi import Midi

    Values = NDArray[Any]

#: Below this many clips a second process costs more than it gives.
_PARALLEL_FROM = 256


@dataclass(frozen=True, slots=True)
class Derivation:
    """A named, versioned function from one MIDI file to one array.

    `compute` is a module-level function that derives nothing itself. Its arrays share dtype and
    shape but for the first dimension, for example (n_notes, 4). Raise `version` whenever any result
    changes. Within a module names differ.
    """

    name: str
    version: int
    compute: Callable[[Midi], Values]

    @property
    def module(self) -> str:
        """Where the function is from: two packages may give theirs one name."""
        function = getattr(self.compute, "func", self.compute)  # what a partial calls
        return str(function.__module__)


def derive(clips: Sequence[Clip], what: Derivation) -> list[Values]:
    """`what` of every clip, in order; read-only arrays.

    Raises:
        UserError: a clip that is not cached cannot be read; the message names the file. Or there is
            no folder to look in (`bench.folders.cache_directory`).
    """
    return derive_all(clips, [what])[0]


def derive_all(clips: Sequence[Clip], whats: Sequence[Derivation]) -> list[list[Values]]:
    """Several derivations of the same clips, each MIDI file read at most once for all of them.

    What another process is computing of these clips is waited for, and not computed again.
    """
    if not clips:
        return [[] for _ in whats]
    digest = hashlib.sha256("\n".join(clip.sha256 for clip in clips).encode()).hexdigest()
    found = [_load(what, digest) for what in whats]
    if any(values is None for values in found):
        with ExitStack() as stack:
            with suppress(UserError):  # without locks there, several may compute the same
                stack.enter_context(Claims(cache_directory() / "derived").waiting(digest))
            found = [  # another process may have been at it
                _load(what, digest) if values is None else values
                for what, values in zip(whats, found, strict=True)
            ]
            _add_missing(found, clips, whats, digest)
    return [values for values in found if values is not None]


def _add_missing(
    found: list[list[Values] | None],
    clips: Sequence[Clip],
    whats: Sequence[Derivation],
    digest: str,
) -> None:
    missing = [i for i, values in enumerate(found) if values is None]
    wanted = [whats[i] for i in missing]
    if not wanted:
        return
    for i, what, values in zip(missing, wanted, _compute(clips, wanted), strict=True):
        _keep(what, digest, values)
        for value in values:
            value.flags.writeable = False
        found[i] = values


def _compute(clips: Sequence[Clip], whats: Sequence[Derivation]) -> list[list[Values]]:
    workers = min(usable_cores(), len(clips) // _PARALLEL_FROM)
    if workers <= 1 or current_process().daemon:  # which may have no processes of its own
        rows = [_compute_one(clip, whats) for clip in clips]
    else:
        with process_pool(workers) as pool:
            size = len(clips)
            rows = list(pool.map(_compute_one, clips, [whats] * size, chunksize=64))
    return [list(column) for column in zip(*rows, strict=True)]


def _compute_one(clip: Clip, whats: Sequence[Derivation]) -> list[Values]:
    midi = clip.midi
    try:
        return [what.compute(midi) for what in whats]
    except MidiError as error:  # a file that can be read and yet has no answer
        raise MidiError(f"{clip.path}: {error}") from error


def _file(what: Derivation, digest: str) -> Path:
    source = hashlib.sha256(f"{what.module} {digest}".encode()).hexdigest()
    return cache_directory() / "derived" / f"{what.name}-v{what.version}-{source[:24]}.safetensors"


def _origin(what: Derivation, digest: str) -> dict[str, str]:
    return {
        "derivation": what.name,
        "version": str(what.version),
        "module": what.module,
        "clips": digest,
    }


def _keep(what: Derivation, digest: str, values: list[Values]) -> None:
    lengths = np.array([len(value) for value in values], dtype=np.int64)
    tensors = {"values": np.ascontiguousarray(np.concatenate(values)), "lengths": lengths}
    file = _file(what, digest)
    try:
        write_atomically(file, save(tensors, _origin(what, digest)))
    except UserError as error:
        why = str(error).removeprefix(f"{file}: ")
        warnings.warn(  # of the folder, not the file: Python shows the same text only once
            f"{file.parent}: {why}: nothing computed is kept there, and each command begins anew; "
            f"{CACHE_HINT}",
            stacklevel=2,
        )


def _load(what: Derivation, digest: str) -> list[Values] | None:
    try:
        with safe_open(_file(what, digest), framework="np") as file:
            if file.metadata() != _origin(what, digest):
                return None
            stacked, lengths = file.get_tensor("values"), file.get_tensor("lengths")
    except (OSError, SafetensorError):
        return None
    stacked.flags.writeable = False
    return np.split(stacked, np.cumsum(lengths)[:-1])
