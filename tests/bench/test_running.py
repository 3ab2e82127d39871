from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from cells_to_run import strange_cell
from genuine import genuine, smoke_cell

from bench.errors import UserError
from bench.executors import Failed, Finished, Progressed, Started
from bench.executors.answers import answer_folder
from bench.executors.local import LocalExecutor
from bench.records import encode_record
from bench.running import pending, run_cells, sweep
from bench.scratch import scratch_folder
from bench.store import Store, read_failures, read_records

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from bench.cells import Cell
    from bench.executors import Event


def outcome_of(store: Store, *attributes: str) -> tuple[list[Event], dict[str, str]]:
    """Events of running these methods, and the reasons of those that failed."""
    events: list[Event] = []
    cells = [strange_cell(attribute) for attribute in attributes]
    outcome = run_cells(store, cells, LocalExecutor(2), events.append)
    return events, {cell.method.attribute: reason for cell, reason in outcome.failed}


def test_whatever_a_method_does_the_others_finish(tmp_path: Path) -> None:
    store = Store(tmp_path)
    events, reasons = outcome_of(
        store, "Raises", "Uniform", "Dies", "Exits", "RunsOutOfMemory", "WrongSum", "Segmented"
    )
    assert reasons == {
        "Raises": "ValueError: no such luck",
        "Dies": "its process was killed by SIGKILL: out of memory?",
        "Exits": "its process ended with exit code 3",
        "RunsOutOfMemory": "out of memory",
        "WrongSum": "predict_proba: probabilities that do not sum to 1: "
        "row 0 is 0.5, 0.5, 0.5, 0.5",
    }
    assert [r.method.name for r in read_records(tmp_path)] == ["segmented", "uniform"]
    failures = {failure.cell.method: failure for failure in read_failures(tmp_path)}
    assert "the last words\n" in failures["raises"].log
    assert "on stderr too\n" in failures["raises"].log
    assert "Traceback" in failures["raises"].log
    assert "the last words" not in failures["runsoutofmemory"].log
    ends = [event.cell.key for event in events if isinstance(event, Finished | Failed)]
    assert len(ends) == len(set(ends)) == 7
    assert sum(isinstance(event, Started) for event in events) == 7
    assert any(isinstance(event, Progressed) and event.fraction == 0.5 for event in events)


@pytest.mark.parametrize("method", ["Sleeps", "TakesInterruptsForTheEnd"])
def test_a_cell_over_its_time_limit_is_stopped(tmp_path: Path, method: str) -> None:
    cell = replace(strange_cell(method), time_limit_minutes=0.05)
    outcome = run_cells(Store(tmp_path), [cell], LocalExecutor(1), lambda _: None)
    assert [reason for _, reason in outcome.failed] == ["over its time limit of 0.05 minutes"]
    assert not outcome.finished


def test_what_is_done_is_not_pending_and_a_retry_takes_only_what_failed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    done, failed, new = (strange_cell(name) for name in ("Uniform", "Raises", "Segmented"))
    run_cells(store, [done, failed], LocalExecutor(2), lambda _: None)
    assert pending(store, [done, failed, new, new]) == [failed, new]
    assert pending(store, [done, failed, new], retry_failed=True) == [failed]
    assert pending(store, [strange_cell("Uniform", seed=1)]) != []


def test_a_success_removes_the_failure_of_before(tmp_path: Path) -> None:
    store, cell = Store(tmp_path), strange_cell("Uniform")
    store.write_failure(cell, "bad luck", "")
    assert store.has_failed(cell)
    run_cells(store, [cell], LocalExecutor(1), lambda _: None)
    assert not store.has_failed(cell)
    assert read_failures(tmp_path) == []


@pytest.fixture
def states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Cell, list[Path]]:
    """Two cells, and what they have left to go on from: states, and answers of jobs."""
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    left = {}
    for cell in (smoke_cell("majority"), smoke_cell("key-mode")):
        with scratch_folder(cell.key) as folder:
            assert folder
            left[cell] = [folder, answer_folder(cell.key)]
        for path in left[cell]:
            path.mkdir(parents=True)
    return left


def test_a_state_is_kept_until_its_cell_has_a_record(
    tmp_path: Path, states: dict[Cell, list[Path]]
) -> None:
    done, failed = states

    class Halfway:
        def run(self, cells: Iterator[Cell]) -> Generator[Event, None, None]:
            for cell in cells:
                yield Finished(cell, genuine(cell)) if cell is done else Failed(cell, "no", "")

    outcome = run_cells(Store(tmp_path), [done, failed], Halfway(), lambda _: None)
    assert outcome.finished == [done]
    assert not any(path.exists() for path in states[done])
    assert all(path.exists() for path in states[failed])


def test_a_sweep_removes_the_states_of_cells_that_are_done(
    tmp_path: Path, states: dict[Cell, list[Path]]
) -> None:
    store, (done, lacking) = Store(tmp_path), states
    store.write(done, genuine(done))
    sweep(store, [done, lacking])
    assert not any(path.exists() for path in states[done])
    assert all(path.exists() for path in states[lacking])


def test_records_do_not_depend_on_how_many_run_at_once(tmp_path: Path) -> None:
    cells = [strange_cell("Uniform", seed) for seed in range(4)]
    contents = []
    for jobs in (1, 3):
        run_cells(Store(tmp_path / str(jobs)), cells, LocalExecutor(jobs), lambda _: None)
        records = read_records(tmp_path / str(jobs))
        contents.append([(r.key, r.scores, r.predictions) for r in records])
    assert contents[0] == contents[1]


def test_a_cell_that_another_run_has_claimed_is_left_to_it(tmp_path: Path) -> None:
    mine, theirs = strange_cell("Uniform"), strange_cell("Uniform", seed=1)
    store = Store(tmp_path)
    lock = store.claim(theirs)
    assert lock is not None
    assert store.claim(theirs) is None

    def tell(event: Event) -> None:
        if isinstance(event, Finished):  # the other run finishes after ours
            store.write(theirs, msgspec.structs.replace(event.record, key=theirs.key))
            lock.release()

    outcome = run_cells(store, [theirs, mine], LocalExecutor(2), tell)
    assert outcome.finished == [mine]
    assert outcome.elsewhere == [theirs]


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    events: list[Event] = []
    with pytest.raises(UserError, match="cannot be written"):
        run_cells(Store(blocked), [strange_cell("Uniform")], LocalExecutor(1), events.append)
    assert events == []


def test_a_torn_record_is_not_believed(tmp_path: Path) -> None:
    store, cell = Store(tmp_path), strange_cell("Uniform")
    run_cells(store, [cell], LocalExecutor(1), lambda _: None)
    path = tmp_path / cell.path
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert pending(store, [cell]) == [cell]
    with pytest.raises(UserError, match=r"seed-0\.json: not a record"):
        read_records(tmp_path)
    run_cells(store, [cell], LocalExecutor(1), lambda _: None)
    (record,) = read_records(tmp_path)
    assert encode_record(record) == path.read_bytes()
