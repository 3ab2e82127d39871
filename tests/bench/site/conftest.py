"""A site to test on: two suites, one dataset that is at hand and one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.datasets import dataset_info, manifest_rows
from bench.labels import QUADRANTS
from bench.records import Prediction, Record, Table
from bench.report.findings import Findings
from bench.site.build import write_site
from bench.store import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.bench.conftest import MakeRecord

#: Of no HTML, no JavaScript, no LaTeX and no file system.
HOSTILE = "../\"><script>alert(1)</script>&'\\{$ =SUM(A1)"


def on_synthetic(record: Record, wrong: Sequence[int] = ()) -> Record:
    """A record over the synthetic test clips, right but for those with these numbers."""
    rows = [row for row in manifest_rows("synthetic") if row.split == "test"]
    predictions = []
    for i, row in enumerate(rows):
        label = QUADRANTS.index(row.label)
        answer = (label + 1) % 4 if i in wrong else label
        p = [0.1, 0.1, 0.1, 0.1]
        p[answer] = 0.7
        predictions.append(Prediction(row.clip, label, p))
    scores, _ = Table.of(predictions).scores()
    info = dataset_info("synthetic")
    used = msgspec.structs.replace(
        record.dataset, name="synthetic", version=info.version, digest=info.digest, n_test=len(rows)
    )
    return msgspec.structs.replace(record, predictions=predictions, scores=scores, dataset=used)


@pytest.fixture(scope="session")
def records(make_record: MakeRecord) -> list[Record]:
    """Three methods, four seeds of two of them, with training histories and an ablation."""
    found = []
    labels = [0, 1, 2, 3] * 5
    for seed in range(4):
        for i, tasks in enumerate(([], ["key"], ["key", "velocity"])):
            right = 9 + 3 * i + seed
            found.append(
                make_record(
                    "mt-midibert" if i == 2 else "midibert",
                    seed=seed,
                    labels=labels,
                    predicted=[q if k < right else (q + 2) % 4 for k, q in enumerate(labels)],
                    segments=[[q, q] for q in labels],
                    settings={"tasks": tasks} if i == 2 else {},
                    changes={"tasks": tasks} if i == 1 else {},
                    details={"history": [{"valid_macro_f1": 0.2 * e} for e in range(3)]},
                )
            )
        found.append(
            on_synthetic(
                make_record("alpha", suite="smoke", dataset="synthetic", seed=seed), range(8)
            )
        )
    plain = make_record("beta", suite="smoke", dataset="synthetic", deterministic=True)
    found.append(on_synthetic(plain, range(4, 20)))
    found.append(make_record(HOSTILE, suite=HOSTILE, dataset=HOSTILE, details={"note": HOSTILE}))
    return found


@pytest.fixture(scope="session")
def failures(records: list[Record]) -> list[Failure]:
    return [Failure("k", records[-1].cell, HOSTILE, "log")]


@pytest.fixture(scope="session")
def site(
    records: list[Record], failures: list[Failure], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The site of those records, not to be changed."""
    folder = tmp_path_factory.mktemp("report") / "site"
    write_site(folder, Findings.of(records, failures, expected=[records[0].cell]))
    return folder
