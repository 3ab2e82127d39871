from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from genuine import flipped, genuine, put, smoke_cell, with_predictions

from bench.verification.rerun import cell_of, choose, compare

if TYPE_CHECKING:
    from pathlib import Path

replace = msgspec.structs.replace

KEY_MODE = genuine(smoke_cell("key-mode"))
MIDIBERT = genuine(smoke_cell("midibert", 1), segments=True)


def test_deterministic_cells_are_chosen_first_then_by_key(tmp_path: Path) -> None:
    cells = [smoke_cell("midibert", seed) for seed in range(4)]
    cells += [smoke_cell("key-mode"), smoke_cell("majority")]
    records = {put(tmp_path, record): record for record in map(genuine, cells)}
    chosen = [records[file] for file in choose(records, 4)]
    assert [record.method.deterministic for record in chosen] == [True, True, False, False]
    assert [r.key for r in chosen[2:]] == sorted(cell.key for cell in cells[:4])[:2]
    assert choose(dict(reversed(records.items())), 4) == choose(records, 4)
    for cell in cells:
        again = cell_of(genuine(cell))
        assert (again.key, again.identity) == (cell.key, cell.identity)


def test_a_rerun_may_differ_in_the_last_decimals_only() -> None:
    first, *others = KEY_MODE.predictions
    near = [first.p[0] + 0.0005, first.p[1] - 0.0005, *first.p[2:]]
    assert not compare(KEY_MODE, with_predictions(KEY_MODE, [replace(first, p=near), *others]))
    far = [first.p[0] + 0.0015, first.p[1] - 0.0015, *first.p[2:]]
    (remark,) = compare(KEY_MODE, with_predictions(KEY_MODE, [replace(first, p=far), *others]))
    assert (remark.wrong, "for 1 of 64 clips" in remark.text) == (True, True)


def test_a_seeded_method_may_differ_and_the_machines_are_told() -> None:
    here = replace(
        flipped(MIDIBERT),
        provenance=replace(MIDIBERT.provenance, device="a GPU", libraries={"numpy": "3"}),
    )
    (remark,) = compare(MIDIBERT, here)
    assert not remark.wrong
    assert "(a CPU there, a GPU here; numpy 2.0.0 there, 3 here)" in remark.text
