"""The files that a user names by the folder: none is left out in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bench.cli import main
from bench.errors import UserError
from bench.midi_files import midi_files


def test_links_to_nothing_are_among_a_folders_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = tmp_path / "b" / "c"
    inside.mkdir(parents=True)
    for name in ("a.mid", "b/z.MIDI", "b/notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mid").mkdir()
    (inside / "x.mid").symlink_to(tmp_path / "gone.mid")
    (inside / "y.mid").symlink_to(inside / "y.mid")
    os.mkfifo(inside / "pipe.mid")  # opening it would wait for ever
    found = [str(path.relative_to(tmp_path)) for path in midi_files([tmp_path])]
    assert found == ["a.mid", "b/c/x.mid", "b/c/y.mid", "b/z.MIDI"]
    with pytest.raises(SystemExit) as ended:
        main(["inspect", str(tmp_path)])
    assert ended.value.code == 2
    assert f"bench: {inside / 'x.mid'}: cannot be read: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["inspect", "features", "predict", "score --target Q1"])
def test_that_nothing_named_is_there_is_the_users_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    names = [str(tmp_path / name) for name in ("absent.mid", "gone")]
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), *names])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: {names[0]}: cannot be read: No such file")


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "b" / "closed"
    closed.mkdir(parents=True)
    (tmp_path / "a.mid").touch()
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # as the system does, but not for its administrator
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"b/closed: cannot be read: Permission denied"):
        list(midi_files([tmp_path]))
