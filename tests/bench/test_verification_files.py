from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from genuine import genuine, put, smoke_cell
from hypothesis import given, settings
from hypothesis import strategies as st
from verified import problems

from bench.errors import UserError
from bench.records import MAX_BYTES, encode_record, sealed
from bench.store import read_failures, read_record, read_records
from bench.verification import files_to_verify

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_MODE = genuine(smoke_cell("key-mode"))
MIDIBERT = genuine(smoke_cell("midibert", 1), segments=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a record"),
        (b"\x80\x04\x95pickle", "not a record"),
        (b'{"details": {"a": ' + b"[" * 10**5, "not a record: maximum recursion depth"),
        (b" " * (MAX_BYTES + 1), "over 8 MB, the limit of a record"),
        (lambda text: text.replace('"details": {}', '"details": {"a": 1e999}'), "out of range"),
        (lambda text: text.replace('"details": {}', '"details": {"a": NaN}'), "malformed"),
        (
            lambda text: text.replace('"details": {}', '"details": {"a": 1' + "0" * 99 + "}"),
            "a number beyond 64 bits",
        ),
        (
            lambda text: text.replace('"details": {}', '"details": {"a": -1' + "0" * 30 + "}"),
            "a number beyond 64 bits",
        ),
        (
            lambda text: text.replace(
                '"details": {}', '"details": {"a": ' + "[" * 99 + "]" * 99 + "}"
            ),
            "too deep nesting",
        ),
        (lambda text: text.replace("key-mode", "<script>alert(1)</script>"), "regex"),
        (lambda text: text.replace('"key-mode"', '"../../../etc"'), "regex"),
        (lambda text: text.replace('"key-mode"', '"[x](javascript:y)"'), "regex"),
        (lambda text: text.replace('"details"', '"__class__"'), "unknown field `__class__`"),
        (lambda text: text.replace('"seed":0', '"seed":-1'), ">= 0"),
    ],
)
def test_a_hostile_file_costs_one_line(
    tmp_path: Path, content: bytes | Callable[[str], str], message: str
) -> None:
    path = put(tmp_path, KEY_MODE)
    text = path.read_text()
    path.write_bytes(content if isinstance(content, bytes) else content(text).encode())
    (problem,) = problems(path)
    assert message in problem
    assert str(path) not in problem  # told once, by the caller
    with pytest.raises(UserError) as raised:
        read_record(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert len(str(raised.value)) < 500


def test_no_pipe_is_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "seed-0.json"
    os.mkfifo(pipe)
    assert problems(pipe) == ["cannot be read: not a regular file"]


def test_failures_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "smoke/synthetic/midibert/seed-0.failed.json"
    path.parent.mkdir(parents=True)
    cell = {"suite": "smoke", "dataset": "synthetic", "method": "midibert", "seed": 0}
    content = {"key": "k", "cell": cell, "reason": "out of memory", "log": ""}
    path.write_text(json.dumps(content))
    assert not problems(path)
    path.write_text(json.dumps({**content, "cell": {**cell, "seed": 1}}))
    assert problems(path) == ["its place should be smoke/synthetic/midibert/seed-1.failed.json"]
    path.write_text('{"key": ' + "[" * 10**5)
    assert problems(path)[0].startswith("not a failure's file")
    with pytest.raises(UserError, match=r"seed-0\.failed\.json: not a failure's file"):
        read_failures(tmp_path)


@settings(max_examples=40)
@given(st.data())
def test_whatever_a_record_says_verification_answers(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """One value anywhere in a record is replaced by any other."""
    content = json.loads(encode_record(MIDIBERT))
    content["predictions"] = content["predictions"][:2]
    content["method"]["settings"]["start"] = content["details"]["start"] = "here"
    place: Any = content
    while True:
        key = data.draw(
            st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
        )
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    value = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    place[key] = data.draw(value | st.lists(value) | st.dictionaries(st.text(), value))
    path = tmp_path_factory.getbasetemp() / "seed-1.json"
    path.write_text(json.dumps(content))
    assert problems(path)


def test_files_are_found_once_below_folders_and_by_name(tmp_path: Path) -> None:
    first, second = put(tmp_path, KEY_MODE), put(tmp_path, MIDIBERT)
    hidden = tmp_path / ".claims" / "x.json"
    hidden.parent.mkdir()
    hidden.touch()
    (tmp_path / "README.md").touch()
    assert files_to_verify([tmp_path]) == [first, second]
    assert files_to_verify([second, tmp_path, second.parent]) == [second, first]


def test_a_path_may_lead_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = put(tmp_path, KEY_MODE)
    monkeypatch.chdir(file.parent)
    crooked = file.parent / "more" / ".." / file.name
    (file.parent / "more").mkdir()
    for paths in ([Path()], [Path("..")], [crooked], [file, crooked], [Path("../key-mode"), file]):
        found = files_to_verify(paths)
        assert len(found) == 1
        assert not problems(*found)


def test_what_the_board_shows_is_what_is_verified(tmp_path: Path) -> None:
    results = tmp_path / "results"
    seen = put(results, KEY_MODE)
    elsewhere = put(tmp_path / "elsewhere", MIDIBERT)
    row = results / MIDIBERT.cell.path.parent
    row.mkdir()
    (row / ".seed-1.json").write_bytes(elsewhere.read_bytes())
    put(results / ".hidden", MIDIBERT)
    assert files_to_verify([results]) == [seen]
    assert read_records(results) == [sealed(KEY_MODE)]
    for link, target in (
        (row / "seed-2.json", elsewhere),
        (results / "linked", tmp_path / "elsewhere" / MIDIBERT.cell.suite),
    ):
        link.symlink_to(target)
        for look in (read_records, lambda folder: files_to_verify([folder])):
            with pytest.raises(UserError, match=re.escape(f"{link}: a symbolic link")):
                look(results)
        link.unlink()


def test_a_path_without_records_is_the_user_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        files_to_verify([tmp_path / "absent"])
    with pytest.raises(UserError, match="holds no records"):
        files_to_verify([tmp_path])


def test_a_record_lost_in_another_depth_is_found(tmp_path: Path) -> None:
    lost = put(tmp_path, KEY_MODE, at="key-mode/seed-0.json")
    assert problems(*files_to_verify([tmp_path])) == [
        "its place should be smoke/synthetic/key-mode/seed-0.json"
    ]
    assert files_to_verify([tmp_path]) == [lost]
