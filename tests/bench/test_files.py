from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

import pytest

from bench.errors import UserError
from bench.files import check_folder_writable, check_writable, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def _umask_stays() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask_stays")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_who_may_read_and_write_a_file_is_for_its_writer_to_say(
    tmp_path: Path, umask: int, mode: int
) -> None:
    os.umask(umask)
    for content in (b"new", b"replaced"):
        write_atomically(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
        assert (tmp_path / "file").stat().st_mode & 0o777 == mode


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "elsewhere").read_bytes() == b"mine"
    assert (tmp_path / "link").read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "link"}


@pytest.mark.parametrize("name", ["pipe", "link", "folder"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    there = {path.name: path.lstat().st_mode for path in tmp_path.iterdir()}
    for write in (check_writable, partial(write_atomically, data=b"new")):
        with pytest.raises(UserError, match="cannot be written: it is a") as told:
            write(tmp_path / name)
        assert str(told.value).startswith(f"{tmp_path / name}: ")
    assert {path.name: path.lstat().st_mode for path in tmp_path.iterdir()} == there


def test_a_folder_that_can_be_made_can_be_written_and_is_not_made(tmp_path: Path) -> None:
    check_folder_writable(tmp_path)
    check_folder_writable(tmp_path / "a" / "b")
    check_writable(tmp_path / "a" / "b" / "c.csv")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below", "link", "link/below"])
def test_what_is_in_the_way_of_a_folder_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for check, path in (
        (check_folder_writable, tmp_path / name),
        (check_writable, tmp_path / name / "c.csv"),
    ):
        with pytest.raises(UserError) as told:
            check(path)
        assert str(told.value).startswith(f"{path}: cannot be written: ")
