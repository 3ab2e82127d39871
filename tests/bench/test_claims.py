from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from waiting import wait_for

from bench.claims import Claims
from bench.errors import UserError
from bench.scratch import forget, forget_abandoned, scratch_folder


def test_a_cell_is_claimed_once_until_it_is_released(tmp_path: Path) -> None:
    mine, theirs = Claims(tmp_path), Claims(tmp_path)
    claim = mine.claim("a")
    assert claim
    assert theirs.claim("a") is None
    other = theirs.claim("b")
    assert other
    claim.release()
    again = theirs.claim("a")
    assert again
    again.release()
    other.release()
    mine.tidy()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_no_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between another's opening and locking of the file its claim ends, and a third claims anew."""
    first = Claims(tmp_path).claim("a")
    assert first
    held = []
    lock = os.open

    def open_late(path: Path, *arguments: int) -> int:
        descriptor = lock(path, *arguments)
        monkeypatch.undo()
        first.release()
        held.append(Claims(tmp_path).claim("a"))
        return descriptor

    monkeypatch.setattr("bench.claims.os.open", open_late)
    assert Claims(tmp_path).claim("a") is None
    assert held[0]
    held[0].release()


def test_claims_that_come_and_go_in_other_processes_are_no_failures(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    others = [
        context.Process(target=_claim_often, args=(tmp_path, str(i)), daemon=True) for i in range(2)
    ]
    for process in others:
        process.start()
    _claim_often(tmp_path, "mine")
    for process in others:
        process.join(300)
    assert [process.exitcode for process in others] == [0, 0]


def test_a_folder_of_claims_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / ".claims").write_text("")
    with pytest.raises(UserError, match="cannot be locked"):
        Claims(tmp_path).claim("a")
    (tmp_path / ".claims").unlink()
    (tmp_path / ".claims").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="cannot be locked"):
        Claims(tmp_path).claim("a")


def test_a_folder_on_a_disk_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "results").symlink_to(tmp_path / "unmounted")
    for folder in (tmp_path / "results", tmp_path / "results" / "below"):
        with pytest.raises(UserError, match="cannot be locked: File exists"):
            Claims(folder).claim("a")


def test_a_working_folder_that_was_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UserError, match="cannot be locked: its folder cannot be made"):
        Claims(Path("results")).claim("a")


def test_a_lock_that_cannot_be_removed_is_free_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    claim = Claims(tmp_path).claim("a")
    assert claim
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.unlink", refuse)
        claim.release()
    again = Claims(tmp_path).claim("a")
    assert again
    again.release()


def test_who_waits_goes_on_when_the_holder_ends_or_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context("fork")
    holder = context.Process(target=_hold, args=(tmp_path,), daemon=True)
    holder.start()
    wait_for(tmp_path / "held")
    pause, waited = time.sleep, []

    def kill(seconds: float) -> None:
        waited.append(seconds)
        assert holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        pause(seconds)

    monkeypatch.setattr("bench.claims.time.sleep", kill)
    with Claims(tmp_path).waiting("a"):
        assert waited
        assert Claims(tmp_path).claim("a") is None
    with pytest.raises(KeyboardInterrupt), Claims(tmp_path).waiting("a"):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["held"]


def _hold(folder: Path) -> None:
    with Claims(folder).waiting("a"):
        (folder / "held").touch()
        signal.pause()


def _claim_often(results: Path, key: str) -> None:
    claims = Claims(results)
    for _ in range(2000):
        if claim := claims.claim(key):
            claim.release()
        claims.tidy()


def test_the_claims_of_a_process_that_has_died_are_free_and_swept_up(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    dying = context.Process(target=_claim_and_die, args=(tmp_path,), daemon=True)
    dying.start()
    dying.join(300)
    assert dying.exitcode == 0
    assert list(tmp_path.rglob("*.lock"))
    held = Claims(tmp_path).claim("b")
    assert held
    Claims(tmp_path).tidy()
    assert [path.name for path in tmp_path.rglob("*.lock")] == ["b.lock"]
    held.release()
    Claims(tmp_path).tidy()
    assert list(tmp_path.iterdir()) == []


def _claim_and_die(results: Path) -> None:
    Claims(results).claim("a")
    os._exit(0)


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("bench.claims.fcntl.flock", refuse)
    with pytest.raises(UserError, match=r"a\.lock: cannot be locked: No locks available"):
        Claims(tmp_path).claim("a")


def test_states_are_kept_for_a_month_unless_their_cell_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path))
    forget_abandoned()
    folders = {key: tmp_path / "unfinished" / key for key in ("done", "old", "new")}
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "state").touch()
    for path in (folders["old"], folders["old"] / "state"):
        os.utime(path, (0, 0))
    os.utime(folders["new"], (0, 0))  # but not what is in it
    forget("done")
    forget("never there")
    forget_abandoned()
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == ["new"]


def test_one_process_at_a_time_has_a_cells_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path))
    with scratch_folder("cell") as first:
        assert first
        first.mkdir(parents=True)
        with scratch_folder("cell") as second, scratch_folder("another") as other:
            assert second is None
            assert other
        forget("cell")  # a run into another folder, for which the cell is done
        assert first.exists()
    with scratch_folder("cell") as again:
        assert again == first
    forget("cell")
    assert [path.name for path in (tmp_path / "unfinished").iterdir()] == [".claims"]


def test_without_a_cache_to_write_to_the_method_is_to_warn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "file"))
    with scratch_folder("cell") as folder:
        assert folder == tmp_path / "file" / "unfinished" / "cell"
    forget("cell")
