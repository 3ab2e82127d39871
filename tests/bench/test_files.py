from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.errors import UserError
from bench.files import check_folder_writable, check_writable

if TYPE_CHECKING:
    from pathlib import Path


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
