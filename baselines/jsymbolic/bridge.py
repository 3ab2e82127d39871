"""jSymbolic's features computed by the program itself, as an extractor of `bench features`."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from baselines.jsymbolic.columns import JSymbolicColumns
from baselines.jsymbolic.native import catalogue
from baselines.jsymbolic.native.piece import Piece
from baselines.jsymbolic.program import JAR_VARIABLE, WHERE_FROM, find_jar, find_java, find_program
from bench.datasets.smf import SmfNote, smf_bytes
from bench.doctor import Finding
from bench.errors import UserError
from bench.extractors import Failure
from bench.files import write_atomically
from bench.folders import cache_directory
from bench.machine import usable_cores
from bench.midi import MidiError, parse_midi, read_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from baselines.jsymbolic.program import Limits, Program
    from bench.doctor import Status
    from bench.extractors import Options

    FloatArray = NDArray[np.float64]
    Outcome = FloatArray | Failure

#: Files of one run: enough to make little of Java's start, few enough to lose.
_BATCH = 64
#: Runs at once where nobody says how many: each may take its whole heap.
_JOBS = 4
#: How far a value with four significant digits may be from the exact one, relatively.
FOUR_DIGITS = 5.001e-4


class JSymbolic(JSymbolicColumns):
    """The 1,495 columns as the jar gives them, with its four significant digits.

    Args:
        limits: bounds of one run of the program.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits

    def extract(self, files: Sequence[Path], options: Options) -> list[Outcome]:
        """Rows of shape (1495,), cached by content and jar.

        What the program cannot be asked is answered here, as by the native extractor: a file
        without notes has zeros; one that cannot be read, or lasts no time, has no row.

        Raises:
            UserError: there is no Java or no jar, or they do not work together.
        """
        program = find_program(options.program, self._limits)
        cache = _Cache(program) if options.cached else None
        results: list[Outcome | None] = [_known(file, cache) for file in files]
        missing = [i for i, result in enumerate(results) if result is None]
        jobs = options.jobs or min(usable_cores(), _JOBS)
        size = max(1, min(_BATCH, -(-len(missing) // jobs)))
        batches = [missing[i : i + size] for i in range(0, len(missing), size)]
        stop = threading.Event()

        def work(batch: list[int]) -> list[Outcome]:
            contents = [_content(files[i]) for i in batch]
            asked = [content for content in contents if isinstance(content, bytes)]
            rows = _extract_batch(program, asked, stop) if asked else []
            if cache:
                for content, row in zip(asked, rows, strict=True):
                    cache.save(content, row)
            answers = iter(rows)
            return [c if isinstance(c, Failure) else next(answers) for c in contents]

        with ThreadPoolExecutor(jobs) as pool:
            try:
                for batch, rows in zip(batches, pool.map(work, batches), strict=True):
                    for i, row in zip(batch, rows, strict=True):
                        results[i] = row
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        return [result for result in results if result is not None]

    def check(self) -> list[Finding]:
        """Whether there is a Java and a jar, and whether the jar gives what is computed here."""
        findings = []
        try:
            java = find_java()
            findings.append(Finding("java", "present", f"{java}: {_java_version(java)}"))
        except UserError as error:
            findings.append(Finding("java", "absent", str(error)))
        try:
            jar = find_jar()
        except UserError as error:
            status: Status = "broken" if os.environ.get(JAR_VARIABLE) else "absent"
            return [*findings, Finding("jSymbolic jar", status, str(error))]
        if findings[0].status != "present":
            return [*findings, Finding("jSymbolic jar", "present", f"{jar}: not tried")]
        return [*findings, _try_out(find_program(jar, self._limits))]


JSYMBOLIC = JSymbolic()


def _content(file: Path) -> bytes | Failure:
    try:
        return read_bytes(file)
    except MidiError as error:
        return Failure(str(error).removeprefix(f"{file}: "))


def _known(file: Path, cache: _Cache | None) -> Outcome | None:
    """The answer of an earlier run, or one that needs no program; else None."""
    content = _content(file)
    if isinstance(content, Failure):
        return content
    row = cache.load(content) if cache else None
    return _without_program(content) if row is None else row


def _without_program(content: bytes) -> Outcome | None:
    try:
        midi = parse_midi(content, name="")
    except MidiError as error:
        return Failure(str(error).removeprefix(": "))
    if not len(midi.notes):  # which the program fails on
        return np.zeros(len(catalogue.COLUMNS))
    if not Piece(midi).seconds:  # which it never comes to an end with
        return Failure("lasts no time, so it has no note density")
    return None


def _extract_batch(
    program: Program, files: Sequence[bytes], stop: threading.Event
) -> list[Outcome]:
    """One run for all; those it gives no row for once more, each alone."""
    outcome = program.run(files, stop)
    rows: list[Outcome] = []
    for i, file in enumerate(files):
        if i in outcome.rows:
            rows.append(outcome.rows[i])
        elif len(files) > 1:
            rows.extend(_extract_batch(program, [file], stop))
        else:
            rows.append(Failure(outcome.reasons.get(i, outcome.ending)))
    return rows


class _Cache:
    """Rows of earlier runs, one small file each, so that an interrupted run loses little."""

    def __init__(self, program: Program) -> None:
        self._program = program.digest
        self._folder = cache_directory() / "jsymbolic" / program.digest[:16]

    def load(self, content: bytes) -> FloatArray | None:
        origin = self._origin(content)
        try:
            with safe_open(self._file(origin), framework="np") as kept:
                row: FloatArray = kept.get_tensor("row")
                known = kept.metadata() == origin
        except (OSError, SafetensorError):
            return None
        return row if known and row.shape == (len(catalogue.COLUMNS),) else None

    def save(self, content: bytes, row: Outcome) -> None:
        if isinstance(row, Failure):
            return
        origin = self._origin(content)
        write_atomically(self._file(origin), save({"row": row}, origin))

    def _origin(self, content: bytes) -> dict[str, str]:
        return {"program": self._program, "midi": hashlib.sha256(content).hexdigest()}

    def _file(self, origin: dict[str, str]) -> Path:
        return self._folder / f"{origin['midi']}.safetensors"


def _java_version(java: Path) -> str:
    try:
        done = subprocess.run(
            [str(java), "-version"], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"does not report its version: {error}"
    return next(iter(done.stderr.splitlines()), "does not report its version")


def _try_out(program: Program) -> Finding:
    """Run the jar on a scale: jSymbolic shows its version by nothing but its values."""
    scale = [SmfNote(i * 480, i * 480 + 400, 60 + i, 60 + 5 * i) for i in range(12)]
    data = smf_bytes([scale])
    name, place = "jSymbolic jar", program.jar
    try:
        (row,) = _extract_batch(program, [data], threading.Event())
    except UserError as error:
        return Finding(name, "broken", str(error))
    if isinstance(row, Failure):
        return Finding(name, "broken", f"{place}: {row.reason}; {WHERE_FROM}")
    native = catalogue.extract(parse_midi(data))
    agree = np.isclose(row, native, rtol=FOUR_DIGITS, atol=1e-9, equal_nan=True)
    text = f"{place}: {agree.sum():,} of {len(agree):,} values of a test file are those of 2.2"
    if agree.all():
        return Finding(name, "present", text)
    return Finding(name, "broken", f"{text}: another version; {WHERE_FROM}")
