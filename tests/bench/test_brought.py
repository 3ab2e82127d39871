"""What is slightly wrong in packages elsewhere costs a line, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from brought import bench, bring

from bench.errors import UserError
from bench.starts import shipped_starts

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = "raise RuntimeError('a part is missing')\n"


def told(folder: Path, *arguments: str, code: int = 2) -> str:
    """The only line that a command says on standard error."""
    done = bench(folder, *arguments)
    assert done.returncode == code, done.stderr
    (line,) = done.stderr.splitlines()
    return line


def test_a_package_whose_import_fails_is_named_by_what_lists_it(tmp_path: Path) -> None:
    points = {"methods theirs": "theirs.methods", "commands not": "theirs.commands:it"}
    modules = {"theirs/__init__.py": BROKEN, "theirs/methods.py": "", "theirs/commands.py": ""}
    bring(tmp_path, points, modules)
    line = told(tmp_path, "ls", "methods")
    assert line == (
        "bench: the package brought brings methods from 'theirs.methods', which cannot be "
        "imported: RuntimeError: a part is missing: fix or uninstall it"
    )
    doctor = bench(tmp_path, "doctor")
    assert (doctor.returncode, doctor.stderr) == (1, "")
    assert "cannot be imported: RuntimeError: a part is missing" in doctor.stdout
    helped = bench(tmp_path, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "cannot be imported: RuntimeError" in helped.stdout


@pytest.mark.parametrize("place", ["plain.sub:{}.bin", "failing.sub:{}.bin", ":{}.bin"])
def test_a_start_in_what_cannot_be_imported_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "plain.py").touch()
    (tmp_path / "failing.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"start '.*': '.*' cannot be imported: \w+Error: "):
        shipped_starts(place)
