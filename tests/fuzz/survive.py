"""Give hostile files to everything that reads MIDI files, and print what it does not survive.

A program, so that neither a crash nor its bounded memory is one of the tests:

    python survive.py mutants FIRST COUNT
    python survive.py storms SCALE

It prints one line for each failure, then how many files had notes.
"""

from __future__ import annotations

import resource
import signal
import sys
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
from mutants import mutant
from storms import STORMS

from baselines.jsymbolic.native.catalogue import COLUMNS, extract
from baselines.panda import COLUMNS as PANDA_COLUMNS
from baselines.panda import panda_extra
from bench.keys import KEY, find_key
from bench.midi import MidiError, parse_midi
from models.tokens.compound import COMPOUND, RESCALED, RESCALED_VELOCITY, VELOCITY
from models.tokens.performance import encode_performance, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from bench.midi import Midi

MEMORY = 1 << 30  # bytes
SECONDS = 60  # of processor time for one reader and one file, whatever else the machine does
_WORDS_OF_TOKENS = (2, 16, 86, 64, 6)  # of bar, position, pitch, duration and velocity class


def key(midi: Midi) -> None:
    found = find_key(midi)
    assert len(KEY.compute(midi)) == (found is not None)
    if found:
        assert 0 <= found.index < 24
        assert abs(found.r) <= 1 + 1e-9


def compound(midi: Midi) -> None:
    for words_of_notes, velocity in ((COMPOUND, VELOCITY), (RESCALED, RESCALED_VELOCITY)):
        tokens = np.column_stack([words_of_notes.compute(midi), velocity.compute(midi)])
        assert np.all((tokens >= 0) & (tokens < _WORDS_OF_TOKENS))
        assert len(tokens) <= len(midi.notes)


def performance(midi: Midi) -> None:
    found = words(encode_performance(midi))
    assert found[-1] == "\n"
    assert not {word[0] for word in found[:-1]} - set("vdn.")


def jsymbolic(midi: Midi) -> None:
    assert extract(midi).shape == (len(COLUMNS),)


def panda(midi: Midi) -> None:
    row = panda_extra(midi)
    assert row.shape == (1, len(PANDA_COLUMNS))
    assert np.isfinite(row).all()


READERS: tuple[Callable[[Midi], None], ...] = (key, compound, performance, jsymbolic, panda)


def failures(data: bytes) -> Iterator[str]:
    """What goes wrong with a file: nothing, where each reader has an answer or one line why not."""
    try:
        midi = parse_midi(data, name="song.mid")
    except MidiError as error:
        if not _is_one_line(error) or not str(error).startswith("song.mid: "):
            yield f"unclear: {error!r}"
        return
    for reader in READERS:
        try:
            with _strictly():
                reader(midi)
        except MidiError as error:
            if not _is_one_line(error):
                yield f"{reader.__name__}: unclear: {error!r}"
        except Exception as error:  # noqa: BLE001  # anything else is what is looked for
            yield f"{reader.__name__}: {_place(error)}: {error!r}"


def _is_one_line(error: MidiError) -> bool:
    return str(error).isprintable() and len(str(error)) < 200


def _place(error: Exception) -> str:
    trace, place = error.__traceback__, ""
    while trace:
        code = trace.tb_frame.f_code
        if "site-packages" not in code.co_filename:
            place = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return place


@contextmanager
def _strictly() -> Iterator[None]:
    """A warning is an error, and a long wait ends."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main(files: Iterable[tuple[str, bytes]]) -> None:
    """Print what goes wrong with these files."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    n_files = n_with_notes = 0
    for name, data in files:
        for failure in failures(data):
            print(f"{name}: {failure}", flush=True)
        n_files += 1
        with suppress(MidiError):
            n_with_notes += len(parse_midi(data).notes) > 0
    print(f"{n_with_notes} of {n_files} have notes")


if __name__ == "__main__":
    if sys.argv[1] == "mutants":
        first, count = map(int, sys.argv[2:])
        main((f"mutant {i}", mutant(i)) for i in range(first, first + count))
    else:
        main((name, make(float(sys.argv[2]))) for name, make in STORMS.items())
