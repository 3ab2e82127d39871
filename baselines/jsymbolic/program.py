"""The jSymbolic program itself: one run of its jar over a few files.

Source: C. McKay, J. Cumming, I. Fujinaga, jSymbolic 2.2 (ISMIR 2018). The jar is under the GPL and
is not part of this project; users bring it along.

Its exit code is 0 whether files failed or not, and one file can take the whole run with it. So the
values it has written are taken for the only truth, also those of a run that did not end well.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError, iterparse

import numpy as np

from baselines.jsymbolic.native.catalogue import FEATURE_NAMES, FEATURES
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from threading import Event
    from xml.etree.ElementTree import Element

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

JAR_VARIABLE = "SMER_BENCH_JSYMBOLIC"
WHERE_FROM = "get jSymbolic 2.2 from https://jmir.sourceforge.net"

_CONFIG = """\
<jSymbolic_options>
window_size=0.0
window_overlap=0.0
save_features_for_each_window=false
save_overall_recording_features=true
convert_to_arff=false
convert_to_csv=false
<features_to_extract>
{features}
<output_files>
feature_values_save_path=./values.xml
feature_definitions_save_path=./definitions.xml
<input_files>
{inputs}
"""
# Java's own failures; the program itself ends with 0 or 255, or else with an exception's trace.
_LAUNCH_FAILED = 1
_TRACE = "Exception in thread"
_MOST_OUTPUT = 1 << 20  # bytes of its messages that are looked at
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may cost; it is killed at the end of its time."""

    heap_megabytes: int = 2048
    start_seconds: float = 60.0
    clip_seconds: float = 10.0  # for each file; piano clips take a fifth of a second


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has left. Keys are positions in the list of files."""

    rows: dict[int, FloatArray]  # shape (1495,), four significant digits
    reasons: dict[int, str]  # why a file failed, where the program says it
    ending: str  # how the run ended, for the files it says nothing about


@dataclass(frozen=True)
class Program:
    """A Java runtime with jSymbolic's jar."""

    java: Path
    jar: Path
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def digest(self) -> str:
        """sha256 of the jar: other programs give other values."""
        try:
            return hashlib.sha256(self.jar.read_bytes()).hexdigest()
        except OSError as error:
            raise UserError(f"{self.jar}: cannot be read: {error.strerror}") from error

    def run(self, files: Sequence[bytes], stop: Event) -> Outcome:
        """Extract all features of some MIDI files.

        Works on copies with plain names: the program neither escapes names nor walks folders in
        an order of its own, and it mangles what is not ASCII.

        Raises:
            UserError: Java cannot run the jar, or it is not jSymbolic 2.2.
            CancelledError: `stop` was set; nothing is left running.
        """
        with tempfile.TemporaryDirectory(
            prefix="smer-bench-jsymbolic-", ignore_cleanup_errors=True
        ) as scratch:
            folder = Path(scratch)
            names = [f"{i}.mid" for i in range(len(files))]
            for name, data in zip(names, files, strict=True):
                (folder / name).write_bytes(data)
            config = _CONFIG.format(features="\n".join(FEATURE_NAMES), inputs="\n".join(names))
            (folder / "config.txt").write_text(config, encoding="ascii")
            limit = self.limits.start_seconds + self.limits.clip_seconds * len(files)
            code = self._execute(folder, limit, stop)
            messages = _text(folder / "stderr") + "\n" + _text(folder / "stdout")
            self._check(code, messages)
            rows = dict(_rows(folder / "values.xml"))
        return Outcome(rows, _reasons(messages), _ending(code, limit))

    def _execute(self, folder: Path, limit: float, stop: Event) -> int | None:
        """The exit code, or None where it was killed for taking too long."""
        command = [
            str(self.java),
            f"-Xmx{self.limits.heap_megabytes}m",
            "-Djava.awt.headless=true",
            "-Duser.language=en",  # elsewhere it writes decimal commas
            "-Duser.country=US",
            "-jar",
            str(self.jar.resolve()),
            "-configrun",
            "config.txt",
        ]
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,  # `java` may be a script that starts another process
                )
            except OSError as error:
                raise UserError(f"{self.java}: cannot be run: {error.strerror}") from error
            deadline = time.monotonic() + limit
            try:
                while process.poll() is None and time.monotonic() < deadline:
                    if stop.wait(_POLL_SECONDS):
                        raise CancelledError
            finally:
                code = process.poll()
                _kill_group(process)
        return code

    def _check(self, code: int | None, messages: str) -> None:
        if code == _LAUNCH_FAILED and _TRACE not in messages:
            said = next(filter(None, map(str.strip, messages.splitlines())), "it says nothing")
            raise UserError(f"{self.jar}: {self.java} cannot run it: {said}")
        unknown = re.search(r"\S.* is a non-existant feature in jSymbolic", messages)
        if unknown:
            raise UserError(f"{self.jar}: not jSymbolic 2.2, whose features it lacks; {WHERE_FROM}")


def find_program(jar: Path | None = None, limits: Limits | None = None) -> Program:
    """The jar, and the Java of `JAVA_HOME` or else of the search path.

    Args:
        jar: by default what the environment variable `SMER_BENCH_JSYMBOLIC` names.
        limits: bounds of one run.

    Raises:
        UserError: there is no Java, or no jar.
    """
    return Program(find_java(), find_jar(jar), limits or Limits())


def find_java() -> Path:
    """The Java of `JAVA_HOME` or else of the search path.

    Raises:
        UserError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    if found is None:
        where = f"JAVA_HOME={home} has no bin/java" if home else "there is no java"
        raise UserError(
            f"{where}: install a Java runtime (8 or later), or use --extractor native, "
            "which needs none"
        )
    return Path(found)


def find_jar(jar: Path | None = None) -> Path:
    """The jar, by default what the environment variable `SMER_BENCH_JSYMBOLIC` names.

    Raises:
        UserError: there is none.
    """
    named = jar or os.environ.get(JAR_VARIABLE)
    if not named:
        raise UserError(
            f"no jSymbolic jar is named: {WHERE_FROM} and set {JAR_VARIABLE} (or --jsymbolic-jar) "
            "to its jSymbolic2.jar"
        )
    path = Path(named)
    if not path.is_file():
        raise UserError(
            f"{path}: there is no such file; {JAR_VARIABLE} or --jsymbolic-jar names "
            "jSymbolic2.jar itself"
        )
    return path


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Also when it has ended: a process that it started may be left.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    except PermissionError:  # macOS's word for a group of zombies
        pass
    process.wait()


def _text(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(_MOST_OUTPUT).decode("utf-8", "replace")


def _rows(values: Path) -> Iterator[tuple[int, FloatArray]]:
    """The rows that are whole, also of a file that is cut off where the program died."""
    try:
        for _, element in iterparse(values):  # noqa: S314  # our own child has written it
            if element.tag == "data_set":
                row = _row(element)
                if row is not None:
                    yield _position(element.findtext("data_set_id", "")), row
                element.clear()
    except (ParseError, OSError):
        return


def _row(data_set: Element) -> FloatArray | None:
    """The values in the catalogue's order; None where one is missing or not a number."""
    texts = {
        feature.findtext("name", ""): [v.text or "" for v in feature.iter("v")]
        for feature in data_set.iter("feature")
    }
    if any(len(texts.get(feature.name, ())) != feature.dimensions for feature in FEATURES):
        return None
    try:
        return np.array([float(v) for name in FEATURE_NAMES for v in texts[name]])
    except ValueError:
        return None


def _position(path: str) -> int:
    """Of a copy in the list of files, by the name it was given."""
    found = re.search(r"(\d+)\.mid$", path.strip())
    return int(found[1]) if found else -1


def _reasons(messages: str) -> dict[int, str]:
    reasons: dict[int, str] = {}
    for files in re.findall(r"are not valid MIDI or MEI files.*?: (.*)", messages):
        for i in re.findall(r"(\d+)\.mid\b", files):
            reasons[int(i)] = "jSymbolic does not take it for a valid MIDI file"
    for i, error in re.findall(
        r"Problem extracting features from .*?(\d+)\.mid\.?\s*Detailed error message: *(.*)",
        messages,
    ):
        reasons[int(i)] = f"jSymbolic failed: {error.strip()[:200]}"
    for i in re.findall(r"ran out of memory while processing:\s*.*?(\d+)\.mid", messages):
        reasons[int(i)] = "jSymbolic ran out of memory"
    return reasons


def _ending(code: int | None, limit: float) -> str:
    if code is None:
        return f"jSymbolic was stopped after {limit:g} s"
    if code < 0:
        return f"jSymbolic was killed by signal {-code}"
    return f"jSymbolic gave neither a row nor a reason (exit code {code})"
