"""Methods that behave in every way a stranger's method may."""

from __future__ import annotations

import atexit
import os
import resource
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from waiting import soon, wait_for

from bench.errors import WorkError
from bench.executors import worker
from bench.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress


class Uniform:
    """Answers at random, the same for one seed."""

    def __init__(self, *, note: str = "") -> None:
        self.note = note

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        assert train
        assert valid
        progress(0.5, self.note)
        self._random = np.random.default_rng(seed)

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return self._random.dirichlet(np.ones(4), len(clips))


class Unchecked(Uniform):
    """Takes whatever settings it is given."""

    def __init__(self, known: int = 1, **others: object) -> None:
        super().__init__()
        self.settings = {"known": known, **others}


class TellsByAttribute(Uniform):
    """Keeps something of its own where a method may have a function."""

    def __init__(self, part: str) -> None:
        super().__init__()
        setattr(self, part, {})


class Unbuildable(Uniform):
    """Cannot even be made."""

    def __init__(self) -> None:
        raise RuntimeError("no such device")


class Segmented(Uniform):
    """Cuts every clip in three."""

    def predict_segments(self, clips: Sequence[Clip]) -> list[FloatArray]:
        return [self._random.dirichlet(np.ones(4), 3) for _ in clips]

    def details(self) -> dict[str, Any]:
        return {"n_parameters": 0}


class Raises(Uniform):
    """Prints and then fails."""

    def fit(self, *_: Any, **__: Any) -> None:
        print("the last words")
        print("on stderr too", file=sys.stderr)
        raise ValueError("no such luck\nwith a second line")


class Dies(Uniform):
    """Kills its own process, as the system does when memory runs out."""

    def fit(self, *_: Any, **__: Any) -> None:
        os.kill(os.getpid(), 9)


class Exits(Uniform):
    """Ends its own process."""

    def fit(self, *_: Any, **__: Any) -> None:
        os._exit(3)


class RunsOutOfMemory(Uniform):
    """Asks for more than there is."""

    def fit(self, *_: Any, **__: Any) -> None:
        raise MemoryError


class Sleeps(Uniform):
    """Never ends, but heeds SIGINT."""

    def fit(self, *_: Any, **__: Any) -> None:
        time.sleep(1000)


class TakesInterruptsForTheEnd(Uniform):
    """Trains until it is interrupted, and then is content with what it has."""

    def fit(self, *args: Any, **keywords: Any) -> None:
        super().fit(*args, **keywords)
        with suppress(KeyboardInterrupt):
            time.sleep(1000)


class SleepsOnce(Uniform):
    """Never ends the first time, when it leaves its parent's number in a file."""

    def __init__(self, *, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    def fit(self, *args: Any, **keywords: Any) -> None:
        if not self.path.exists():
            write_atomically(self.path, str(os.getppid()).encode())
            time.sleep(1000)
        super().fit(*args, **keywords)


class EndsInCompany(Uniform):
    """Its process ends only when another one is about to."""

    def __init__(self, *, path: str) -> None:
        super().__init__()
        self.path = Path(path)

    def fit(self, *args: Any, **keywords: Any) -> None:
        super().fit(*args, **keywords)
        atexit.register(self._meet)

    def _meet(self) -> None:
        (self.path / f"ends-{os.getpid()}").touch()
        if soon(lambda: len(list(self.path.glob("ends-*"))) > 1, seconds=10):
            (self.path / f"met-{os.getpid()}").touch()


class ReportsOn(Uniform):
    """Leaves a thread that reports without a pause, and a record that takes a while to send."""

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        super().fit(train, valid, seed=seed, progress=progress)
        self._progress = progress

    def details(self) -> dict[str, Any]:
        worker._INTERVAL = 0.0
        threading.Thread(target=self._report, daemon=True).start()
        return {"text": "x" * 4_000_000}

    def _report(self) -> None:
        while True:
            self._progress(0.5, "on and on")


class TellsGpu(Uniform):
    """Tells which GPU it sees."""

    def details(self) -> dict[str, Any]:
        return {"gpu": os.environ.get("CUDA_VISIBLE_DEVICES")}


class TellsClips(Uniform):
    """Tells which clips it was given to learn from."""

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        super().fit(train, valid, seed=seed, progress=progress)
        self._told = {"train": [c.id for c in train], "valid": [c.id for c in valid]}

    def details(self) -> dict[str, Any]:
        return self._told


class TellsThreads(Uniform):
    """Tells how many threads libraries use: NumPy's, those of torch, and torch in a new thread."""

    def details(self) -> dict[str, Any]:
        import torch
        from threadpoolctl import threadpool_info

        with ThreadPoolExecutor(1) as elsewhere:
            in_new_thread = elsewhere.submit(torch.get_num_threads).result()
        pools = {pool["num_threads"] for pool in threadpool_info()}
        return {"threads": sorted(pools | {torch.get_num_threads(), in_new_thread})}


class WrongShape(Uniform):
    """Three columns."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips), 3), 1 / 3)


class WrongCount(Uniform):
    """A row too few."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips) - 1, 4), 0.25)


class NotNumbers(Uniform):
    """NaN."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips), 4), np.nan)


class WrongSum(Uniform):
    """Rows that sum to 2."""

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        return np.full((len(clips), 4), 0.5)


class HoldsTheLock(Uniform):
    """Lets no other thread of Python run, and heeds no signal that Python handles."""

    def fit(self, *_: Any, progress: Progress, **__: Any) -> None:
        progress(0.1, "begun")
        sum(range(10**12))


class ExitsInPython(Uniform):
    """Ends its own process as scripts do."""

    def fit(self, *_: Any, **__: Any) -> None:
        print("no more to do")
        sys.exit(0)


class OutOfAddresses(Uniform):
    """Asks for a terabyte where a gigabyte is allowed, as where memory really runs out."""

    def fit(self, *_: Any, **__: Any) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, resource.RLIM_INFINITY))
        np.ones(1 << 37)


class PrintsGarbage(Uniform):
    """Prints what is no text, and has no words for its failure either."""

    def fit(self, *_: Any, progress: Progress, **__: Any) -> None:
        progress(float("nan"), "\x1b[2J\n\ud800" * 1000)
        os.write(1, b"\xff\xfe\x00\x1b[2J\n")
        print("\ud800")

        class SpeechlessError(Exception):
            def __str__(self) -> str:
                raise ValueError

        raise SpeechlessError


class Chatters(Uniform):
    """Prints what is no text, and learns until a file is there."""

    def __init__(self, *, note: str, until: str) -> None:
        super().__init__(note=note)
        self.until = Path(until)

    def fit(self, *args: Any, **keywords: Any) -> None:
        os.write(2, b"\xff\xfe\x00\x1b[2J\n")
        print("\ud800\x1b[2J")
        super().fit(*args, **keywords)
        wait_for(self.until)


class Floods(Uniform):
    """Prints without measure."""

    def fit(self, *_: Any, **__: Any) -> None:
        for _ in range(64):
            os.write(1, b"again and again\n" * (1 << 16))  # a megabyte
        raise ValueError("dry at last")


class RaisesNothing(Uniform):
    """Raises an error of ours without a word."""

    def fit(self, *_: Any, **__: Any) -> None:
        raise WorkError


class Stubborn(Uniform):
    """Never ends, and is deaf to what asks it to."""

    def fit(self, *_: Any, progress: Progress, **__: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: print("heard", signal.Signals(number).name))
        progress(0.1, "begun")
        while True:
            time.sleep(1000)


class HangsUp(Uniform):
    """Closes every file it does not know, as daemons do."""

    def fit(self, *_: Any, **__: Any) -> None:
        os.closerange(3, 1000)
        time.sleep(1000)


class LeavesChild(Uniform):
    """Dies, while a child of its own holds all that it had open."""

    def fit(self, *_: Any, **__: Any) -> None:
        child = os.fork()
        if not child:
            time.sleep(1000)
        print("child", child)
        os._exit(3)


class TellsObjects(Uniform):
    """Has details that no file can hold."""

    def details(self) -> dict[str, Any]:
        return {"model": object()}


class TellsTooMuch(Uniform):
    """Has more details than any record."""

    def details(self) -> dict[str, Any]:
        return {"weights": "0" * 10**7}


class TellsProcess(Uniform):
    """Tells in which process it ran."""

    def details(self) -> dict[str, Any]:
        return {"process": os.getpid()}
