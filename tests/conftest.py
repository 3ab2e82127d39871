"""What every test needs: folders of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# Tests run side by side: threads of two that wait for each other's cores take minutes for seconds'
# work. Set before anything imports torch or NumPy, and inherited by processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

# Without a GPU its kernels are interpreted, which Triton decides when it is first imported.
if not Path("/dev/nvidiactl").exists():
    os.environ["TRITON_INTERPRET"] = "1"

# A busy machine is no failure.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(autouse=True, scope="session")
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests away from the user's data and caches, also in the processes that they start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMER_BENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("SMER_BENCH_DATA", str(tmp_path_factory.mktemp("data")))
        yield
