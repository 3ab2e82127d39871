"""Answers that another program gave for a dataset's test clips, in a CSV file.

One row for each test clip, or for each of them and each seed::

    clip,seed,Q1,Q2,Q3,Q4
    Q1_0vLPYiPN7qY_0,0,0.71,0.12,0.09,0.08

The largest of four numbers is the answer, the first among equals; a column `quadrant` with Q1 to Q4
can stand in their place. The column `seed` may be left out, other columns may be there. Rows of
clips that are not test clips are passed over.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.errors import UserError
from bench.labels import QUADRANTS
from bench.names import pick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.datasets import ClipRow

_NO_SEED = 0  # that of a file which names none


@dataclass(frozen=True, eq=False)
class Predictions:
    """What was answered on all test clips."""

    clips: tuple[str, ...]  # in the dataset's order
    labels: NDArray[np.int64]  # true quadrants, shape (n_clips,)
    answers: NDArray[np.int64]  # predicted ones, shape (n_seeds, n_clips)
    seeds: tuple[int, ...]  # ascending


def read_predictions(path: Path, rows: Sequence[ClipRow]) -> Predictions:
    """Read the answers for the test clips among the clips of a dataset.

    Raises:
        UserError: the file cannot be read, holds something else, or answers for a test clip not
            once with each seed; the message names the file and, where there is one, the line.
    """
    test = {row.clip: QUADRANTS.index(row.label) for row in rows if row.split == "test"}
    others = {row.clip for row in rows} - test.keys()
    by_seed: dict[int, dict[str, int]] = {}
    for line, fields in _rows(path):
        if (clip := fields["clip"]) in others:
            continue
        try:
            pick(clip, test, "clip")
            seed, answer = _seed(fields), _answer(fields)
        except (ValueError, UserError) as error:
            raise UserError(f"{path}, line {line}: {error}") from None
        answers = by_seed.setdefault(seed, {})
        if clip in answers:
            raise UserError(f"{path}, line {line}: a second answer for clip {clip!r}, seed {seed}")
        answers[clip] = answer
    if not by_seed:
        raise UserError(f"{path}: holds no answer for a test clip")
    for seed, answers in by_seed.items():
        if missing := [clip for clip in test if clip not in answers]:
            raise UserError(
                f"{path}: with seed {seed}, {len(missing):,} of {len(test):,} test clips have no "
                f"answer, such as {missing[0]!r}"
            )
    return Predictions(
        clips=tuple(test),
        labels=np.array([*test.values()]),
        answers=np.array([[by_seed[seed][clip] for clip in test] for seed in sorted(by_seed)]),
        seeds=tuple(sorted(by_seed)),
    )


def _rows(path: Path) -> list[tuple[int, Mapping[str, str]]]:
    """The file's rows with the numbers of their lines."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or ()
            if "clip" not in columns or not ("quadrant" in columns or {*QUADRANTS} <= {*columns}):
                raise UserError(
                    f"{path}, line 1: the columns are to be clip, seed (which may be left out) "
                    "and Q1,Q2,Q3,Q4 or quadrant"
                )
            return [(reader.line_num, {k: v or "" for k, v in row.items()}) for row in reader]
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a CSV file: {error}") from error


def _seed(fields: Mapping[str, str]) -> int:
    text = fields.get("seed", str(_NO_SEED)).strip()
    if not (text.isascii() and text.isdecimal()):
        raise ValueError(f"seed {text!r} is not a whole number from 0")
    return int(text)


def _answer(fields: Mapping[str, str]) -> int:
    if not all(quadrant in fields for quadrant in QUADRANTS):
        return QUADRANTS.index(pick(fields["quadrant"].strip(), QUADRANTS, "quadrant"))
    values = np.array([float(fields[quadrant]) for quadrant in QUADRANTS])
    if not np.isfinite(values).all():
        raise ValueError("numbers of Q1 to Q4 that are not finite")
    return int(values.argmax())
