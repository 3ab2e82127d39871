from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from bench.machine import usable_cores

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

QUOTA = "/sys/fs/cgroup/cpu.max"


def test_a_containers_quota_limits_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(48)), raising=False)
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    there, opened = os.path.exists, open
    (tmp_path / "cpu.max").write_text("max 100000")

    def exists(path: Any) -> bool:
        return path == QUOTA or there(path)

    def open_it(path: Any, *arguments: Any, **keywords: Any) -> Any:
        return opened(tmp_path / "cpu.max" if path == QUOTA else path, *arguments, **keywords)

    monkeypatch.setattr("os.path.exists", exists)
    monkeypatch.setattr("builtins.open", open_it)
    assert usable_cores() == 48
    (tmp_path / "cpu.max").write_text("150000 100000")
    assert usable_cores() == 2
