from __future__ import annotations

import numpy as np
import pytest

from bench.labels import (
    HIGH_AROUSAL,
    HIGH_VALENCE,
    QUADRANTS,
    VELOCITY_CLASSES,
    quadrant_of,
    velocity_class,
)


@pytest.mark.parametrize(
    ("name", "valence", "arousal"),
    [("Q1", True, True), ("Q2", False, True), ("Q3", False, False), ("Q4", True, False)],
)
def test_quadrants_are_russells(name: str, *, valence: bool, arousal: bool) -> None:
    quadrant = quadrant_of(high_valence=valence, high_arousal=arousal)
    assert QUADRANTS[quadrant] == name
    assert HIGH_VALENCE[quadrant] == valence
    assert HIGH_AROUSAL[quadrant] == arousal


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("pp", 0, 31),
        ("p", 32, 47),
        ("mp", 48, 63),
        ("mf", 64, 79),
        ("f", 80, 95),
        ("ff", 96, 127),
    ],
)
def test_velocities_fall_into_the_papers_classes(name: str, lowest: int, highest: int) -> None:
    classes = velocity_class(np.arange(lowest, highest + 1))
    assert {VELOCITY_CLASSES[label] for label in classes} == {name}


def test_velocity_classes_keep_the_shape() -> None:
    classes = velocity_class(np.array([[1, 64], [127, 40]]))
    assert classes.tolist() == [[0, 3], [5, 1]]
    assert classes.dtype == np.int64
