from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
import pytest
from genuine import genuine, put, smoke_cell
from verified import notes, problems

from bench import registry
from bench.cells import outcome_key, plan
from bench.registry import MethodEntry
from bench.starts import find_start, sha256_of
from bench.suites import load_suite
from bench.verification.rerun import choose

if TYPE_CHECKING:
    from pathlib import Path

    from bench.records import Record

replace = msgspec.structs.replace

KEY_MODE = genuine(smoke_cell("key-mode"))


SHA256 = "ab" * 32


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Record:
    """A record of a method that started from a checkpoint of its own, somewhere."""
    package = tmp_path / "package_with_starts"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "mine.weights").write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    known = dict(registry.methods())
    entry = known["midibert"]
    known["midibert"] = MethodEntry(
        **{
            field: getattr(entry, field)
            for field in ("name", "module", "attribute", "version", "deterministic", "encoding")
        },
        start="package_with_starts:{}.weights",
    )
    monkeypatch.setattr("bench.verification.identity.methods", lambda: known)
    cell = smoke_cell("midibert")
    return genuine(cell)


def begun(record: Record, start: str, told: object, sha256: str = SHA256) -> Record:
    """The record as a run from the checkpoint `start` leaves it."""
    identity = replace(record.cell, changes={"start": start})
    method = replace(record.method, settings={**record.method.settings, "start": start})
    key = outcome_key(
        protocol=record.protocol,
        dataset=(record.dataset.name, record.dataset.digest),
        method=(method.name, method.version, method.encoding),
        settings={**method.settings, "start": f"sha256:{sha256}"},
        threads=1,
        seed=0,
    )
    return replace(record, key=key, cell=identity, method=method, details={"start": told})


def test_a_start_tells_content_and_exposure(tmp_path: Path, started: Record) -> None:
    told = {"sha256": SHA256, "exposure": "transductive"}
    path = put(tmp_path, begun(started, "/no/such/file.weights", told))
    assert not problems(path)
    assert any("taken at its word" in note for note in notes(path))

    for wrong in ("random", {"sha256": SHA256}, {"sha256": SHA256, "exposure": "none"}):
        path = put(tmp_path, begun(started, "/no/such/file.weights", wrong))
        assert "does not say whether its start is inductive or transductive" in problems(path)
    path = put(tmp_path, begun(started, "/no/such/file.weights", {"exposure": "inductive"}))
    assert "does not give the sha256 of its start" in problems(path)


def test_a_start_of_the_package_is_held_against_its_file(tmp_path: Path, started: Record) -> None:
    told = {"sha256": SHA256, "exposure": "inductive"}
    path = put(tmp_path, begun(started, "mine", told))
    assert problems(path) == ["its start is another file than today's mine.weights"]


def test_a_start_of_the_package_is_as_exposed_as_its_card_says(tmp_path: Path) -> None:
    (cell,) = plan(load_suite("lite"), method="midibert", dataset="vgmidi", seeds=[0])
    start = {"sha256": sha256_of(find_start(cell.method.start, cell.settings["start"]))}
    found = {
        exposure: problems(
            put(
                tmp_path,
                replace(genuine(cell), details={"start": {**start, "exposure": exposure}}),
            )
        )
        for exposure in ("inductive", "transductive")
    }
    assert found == {
        "inductive": [],
        "transductive": ["its start is inductive, by the card in midibert-lite.safetensors"],
    }


def test_no_file_that_a_record_names_is_opened(tmp_path: Path, started: Record) -> None:
    pipe = tmp_path / "pipe.weights"
    os.mkfifo(pipe)  # whoever opens it waits for ever
    told = {"sha256": SHA256, "exposure": "inductive"}
    assert not problems(put(tmp_path, begun(started, str(pipe), told)))


def test_what_cannot_be_run_here_is_not_chosen(tmp_path: Path, started: Record) -> None:
    told = {"sha256": SHA256, "exposure": "inductive"}
    records = [
        begun(started, "/no/such/file.weights", told),
        replace(KEY_MODE, method=replace(KEY_MODE.method, name="my-method")),
        replace(KEY_MODE, cell=replace(KEY_MODE.cell, dataset="my-songs")),
    ]
    assert choose({tmp_path / str(i): record for i, record in enumerate(records)}, 3, draw="") == {}


@pytest.mark.parametrize("start", ["", "none"])
def test_random_weights_are_no_setting(tmp_path: Path, started: Record, start: str) -> None:
    assert not problems(put(tmp_path, started))
    method = replace(started.method, settings={**started.method.settings, "start": start})
    found = problems(put(tmp_path, replace(started, method=method)))
    assert any("does not follow from what it says" in problem for problem in found)
