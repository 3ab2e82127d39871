"""What a record says of where it was made, and at which cost."""

from __future__ import annotations

import sys

import pytest

from bench.provenance import Meter


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is that of the process")
def test_the_peak_of_memory_is_that_of_the_work_alone() -> None:
    meter = Meter()
    block = bytearray(b"x") * (200 << 20)
    before = meter.read().peak_memory_mb
    del block
    assert Meter().read().peak_memory_mb < before - 150
