"""The live view of a run on a terminal."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from cells_to_run import strange_cell

from bench.cli.progress import watch
from bench.executors.choose import Choice
from bench.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class Terminal(io.StringIO):
    """Leaves a file as soon as it shows a text."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__()
        self.text, self.path = text, path

    def write(self, text: str) -> int:
        if self.text in text:
            self.path.touch()
        return super().write(text)


def test_what_methods_print_and_note_cannot_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "200")):
        monkeypatch.setenv(name, value)
    until = tmp_path / "shown"
    terminal = Terminal("[/bold] [red", until)
    monkeypatch.setattr(sys, "stderr", terminal)
    cell = strange_cell("Chatters", note="[/bold] [red\x1b[2J", until=str(until))
    cell = replace(cell, time_limit_minutes=2.0)  # where the note is never shown
    outcome = watch(Store(tmp_path / "results"), [cell], n_done=0, choice=Choice(jobs=1))
    assert outcome.finished == [cell]
    text = terminal.getvalue() + "".join(capfd.readouterr())
    assert "test/synthetic/chatters" in text
    assert "accuracy" in text
    assert "\x1b[2K" in text  # of the view itself, which is live
    assert "\x1b[2J" not in text
