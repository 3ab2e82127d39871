"""Data are fetched by the command that first needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.cli import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "command",
    [
        "run --method majority --dataset emopia",
        "ablate --dataset emopia --method midibert --tasks key --seeds 0",
        "data export emopia --what key -o views.jsonl",
        "finetune midibert --dataset emopia",
    ],
)
def test_what_needs_data_asks_for_them_and_leaves_nothing_without(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("DATA", "MIRROR", "CACHE"):
        monkeypatch.setenv(f"SMER_BENCH_{name}", str(tmp_path / name))
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(command.split())
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench: {tmp_path / 'MIRROR'} has no EMOPIA_2.2.zip")
    assert ended.value.code == 2
    assert not [path for path in tmp_path.rglob("[!.]*") if path.is_file()]
