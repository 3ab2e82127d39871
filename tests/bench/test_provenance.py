"""What a record says of where it was made, and at which cost."""

from __future__ import annotations

import sys

import pytest

from bench.provenance import Meter


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a peak is that of the process")
def test_the_peak_of_memory_is_that_of_the_work_alone() -> None:
    meter = Meter()
    block = bytearray(b"x") * (200 << 20)
    before = meter.read("bench").peak_memory_mb
    del block
    assert Meter().read("bench").peak_memory_mb < before - 150


def test_the_version_of_a_methods_package_is_told() -> None:
    assert Meter().read("pytest.sub.module").libraries["pytest"] == pytest.__version__
    # The benchmark's own stands beside, with its revision.
    assert "smer-bench" not in Meter().read("baselines.svm").libraries
