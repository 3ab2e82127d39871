"""Whatever goes wrong with a cell, it alone fails, and says why."""

from __future__ import annotations

import errno
import os
import signal
import tempfile
import time
from contextlib import closing
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

import pytest
from cells_to_run import strange_cell
from rich.console import Console
from waiting import ended

from bench.errors import UserError
from bench.executors import Failed, Finished, Progressed, Started, process
from bench.executors.local import LocalExecutor
from bench.executors.process import CellProcess
from bench.report.find import find_cell
from bench.running import pending, run_cells
from bench.store import Store, read_failures, read_records

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cells import Cell
    from bench.executors import Event
    from bench.running import Outcome


def run(store: Store, *cells: Cell, jobs: int = 2) -> Outcome:
    return run_cells(store, cells, LocalExecutor(jobs), lambda _: None)


def test_each_fault_fails_its_own_cell_with_a_reason(tmp_path: Path) -> None:
    reasons = {
        "ExitsInPython": "its process ended with exit code 0",
        "OutOfAddresses": "out of memory",
        "NotNumbers": "predict_proba: probabilities that are negative or not numbers: "
        "row 0 is nan, nan, nan, nan",
        "WrongShape": "predict_proba: probabilities of shape (64, 3), not (n, 4)",
        "PrintsGarbage": "SpeechlessError: ",
        "RaisesNothing": "WorkError: ",
        "TellsObjects": "a record that cannot be kept: "
        "Encoding objects of type object is unsupported",
        "TellsTooMuch": "a record of 9 MB: the limit is 8 MB",
        "Missing": "AttributeError: module 'strange' has no attribute 'Missing'",
    }
    outcome = run(Store(tmp_path), *map(strange_cell, [*reasons, "Uniform"]))
    assert {cell.method.attribute: reason for cell, reason in outcome.failed} == reasons
    assert [record.method.name for record in read_records(tmp_path)] == ["uniform"]
    logs = {failure.cell.method: failure.log for failure in read_failures(tmp_path)}
    assert logs["exitsinpython"] == "no more to do\n"  # though its process has ended
    assert "np.ones" in logs["outofaddresses"]
    for attribute, reason in reasons.items():
        console = Console(record=True, width=200)
        console.print(find_cell(f"test/synthetic/{attribute.lower()}/0", tmp_path))
        text = console.export_text()
        assert f"failed: {reason.strip()}" in text
        assert "\x1b" not in text


def test_what_is_printed_is_kept_in_short_however_long_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    run(Store(tmp_path / "results"), strange_cell("Floods"))
    (failure,) = read_failures(tmp_path / "results")
    assert "again and again\nTraceback" in failure.log
    assert failure.log.endswith("ValueError: dry at last\n")
    assert len(failure.log) <= 4000
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize(
    ("attribute", "log"), [("Stubborn", "heard SIGINT\nheard SIGTERM\n"), ("HoldsTheLock", "")]
)
def test_a_cell_over_its_time_is_asked_to_end_then_told_to_then_killed(
    monkeypatch: pytest.MonkeyPatch, attribute: str, log: str
) -> None:
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
    monkeypatch.setattr(process, "_ESCALATION", [(number, 1.0) for number in signals])
    cell = strange_cell(attribute)
    with closing(CellProcess()) as running:
        running.begin(cell)
        assert isinstance(end_or_progress(running), Progressed)
        running._deadline = time.monotonic()
        assert end_or_progress(running) == Failed(cell, "over its time limit of 60 minutes", log)
        assert not running.is_free


def test_a_process_that_hangs_up_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_GRACE", 0.2)
    outcome = run(Store(tmp_path), strange_cell("HangsUp"))
    assert [reason for _, reason in outcome.failed] == ["its process no longer answers"]


def test_what_a_dead_process_has_started_ends_with_it(tmp_path: Path) -> None:
    failed: list[Failed] = []

    def tell(event: Event) -> None:
        if isinstance(event, Failed):  # while the run goes on
            child = int(event.log.removeprefix("child "))
            assert ended(child)
            failed.append(event)

    run_cells(Store(tmp_path), [strange_cell("LeavesChild")], LocalExecutor(1), tell)
    assert [event.reason for event in failed] == ["its process ended with exit code 3"]


def test_an_idle_process_that_has_died_is_replaced(tmp_path: Path) -> None:
    cells = [strange_cell("TellsProcess", seed) for seed in range(2)]

    def tell(event: Event) -> None:
        if isinstance(event, Finished) and event.cell is cells[0]:
            idle = event.record.details["process"]
            os.kill(idle, signal.SIGKILL)
            assert ended(idle)

    outcome = run_cells(Store(tmp_path), cells, LocalExecutor(1), tell)
    assert outcome.finished == cells
    assert len({record.details["process"] for record in read_records(tmp_path)}) == 2


def test_an_interrupt_from_the_terminal_while_a_process_starts_is_not_for_it() -> None:
    with closing(CellProcess()) as running:
        running.begin(strange_cell("Uniform"))
        assert running._process.pid
        os.kill(running._process.pid, signal.SIGINT)
        while not isinstance(event := end_or_progress(running), Finished):
            assert isinstance(event, Progressed)


def test_where_no_process_can_be_started_cells_fail_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(CellProcess, "_start", refuse)
    outcome = run(Store(tmp_path), strange_cell("Uniform"), strange_cell("Segmented"))
    assert {reason for _, reason in outcome.failed} == {
        "no process could be started: Resource temporarily unavailable"
    }
    assert len(read_failures(tmp_path)) == 2


def full_disk(monkeypatch: pytest.MonkeyPatch, n_times: int) -> None:
    """Let writing fail so many times."""
    left = iter(range(n_times))
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if next(left, None) is not None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr("bench.files.os.fsync", fsync)


@pytest.mark.parametrize("n_times", [1, 2], ids=["record", "record and failure"])
def test_a_full_disk_fails_a_cell_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_times: int
) -> None:
    store, cells = Store(tmp_path), [strange_cell("Uniform", seed) for seed in range(2)]
    full_disk(monkeypatch, n_times)
    told: list[Event] = []
    outcome = run_cells(store, cells, LocalExecutor(1), told.append)
    reason = f"{tmp_path / cells[0].path}: cannot be written: No space left on device"
    assert outcome.failed == [(cells[0], reason)]
    assert Failed(cells[0], reason, "") in told
    assert outcome.finished == [cells[1]]
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert names == {"seed-1.json"} | ({"seed-0.failed.json"} if n_times == 1 else set())
    assert pending(store, cells) == [cells[0]]
    assert run(store, *pending(store, cells)).finished == [cells[0]]
    assert read_failures(tmp_path) == []


def test_results_that_become_read_only_in_the_middle_fail_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [strange_cell("Uniform", seed) for seed in range(3)]

    def refuse(*_: object) -> None:
        raise UserError(f"{tmp_path}: cannot be written: Read-only file system")

    def tell(event: Event) -> None:
        if isinstance(event, Finished):
            monkeypatch.setattr("bench.store.write_atomically", refuse)
            monkeypatch.setattr("bench.claims.Claims.claim", refuse)

    outcome = run_cells(Store(tmp_path), cells, LocalExecutor(1), tell)
    assert outcome.finished == cells[:1]
    assert [cell for cell, _ in outcome.failed] == cells[1:]
    assert all("Read-only file system" in reason for _, reason in outcome.failed)


def test_results_that_cannot_be_written_are_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("bench.files.tempfile.TemporaryFile", refuse)
    with pytest.raises(UserError, match="cannot be written: Read-only file system"):
        run_cells(Store(tmp_path), [strange_cell("Uniform")], LocalExecutor(1), pytest.fail)


def test_a_cell_that_fails_in_another_run_meanwhile_is_not_run_again(tmp_path: Path) -> None:
    store, mine, theirs = Store(tmp_path), strange_cell("Uniform"), strange_cell("Uniform", 1)
    store.write_failure(theirs, "before both runs", "")
    claim = store.claim(theirs)
    assert claim
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        if event.cell is mine and isinstance(event, Finished):
            store.write_failure(theirs, "in the other run", "its log")
            claim.release()

    outcome = run_cells(store, [theirs, mine], LocalExecutor(1), tell)
    assert outcome.failed == [(theirs, "in the other run")]
    assert told[-2:] == [Started(theirs), Failed(theirs, "in the other run", "its log")]
    assert outcome.finished == [mine]


def test_a_record_ends_the_failure_that_a_killed_run_has_left_beside_it(tmp_path: Path) -> None:
    store, cell = Store(tmp_path), strange_cell("Uniform")
    run(store, cell)
    store.write_failure(cell, "before", "")
    assert read_failures(tmp_path) == []
    store.write_failure(strange_cell("Uniform", note="other settings"), "now", "")
    assert [failure.reason for failure in read_failures(tmp_path)] == ["now"]


def end_or_progress(running: CellProcess) -> Event:
    while True:
        wait(running.channels, timeout=running.patience())
        if event := running.receive():
            return event
