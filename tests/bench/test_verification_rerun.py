from __future__ import annotations

from dataclasses import replace as replace_cell
from typing import TYPE_CHECKING

import msgspec
from genuine import flipped, genuine, put, smoke_cell, with_predictions

from bench.verification.rerun import cell_of, choose, compare

if TYPE_CHECKING:
    from pathlib import Path

replace = msgspec.structs.replace

KEY_MODE = genuine(smoke_cell("key-mode"))
MIDIBERT = genuine(smoke_cell("midibert", 1), segments=True)


def test_each_method_has_its_turn_deterministic_ones_first(tmp_path: Path) -> None:
    cells = [smoke_cell("midibert", seed) for seed in range(4)]
    cells += [smoke_cell("midigpt", seed) for seed in range(2)]
    majority = smoke_cell("majority")
    cells += [smoke_cell("key-mode"), majority, replace_cell(majority, suite="mine")]
    records = {put(tmp_path, record): record for record in map(genuine, cells)}
    chosen = choose(records, 7)
    assert list(chosen.items()) == [(file, records[file]) for file in chosen]
    names = [record.method.name for record in chosen.values()]
    assert {*names[:2]} == {"key-mode", "majority"}
    assert {*names[2:4]} == {"midibert", "midigpt"}
    assert (names[4], {*names[5:]}) == ("majority", {"midibert", "midigpt"})
    of_midibert = [r.key for r in chosen.values() if r.method.name == "midibert"]
    assert of_midibert == sorted(cell.key for cell in cells[:4])[:2]
    assert list(choose(dict(reversed(records.items())), 4)) == list(chosen)[:4]
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


def test_it_is_told_what_computed_a_network_otherwise() -> None:
    there = replace(MIDIBERT, details={"precision": "bf16", "attention": "amx"})
    here = replace(flipped(MIDIBERT), details={"precision": "fp32", "attention": "plain"})
    (remark,) = compare(there, here)
    assert "(precision bf16 there, fp32 here; attention amx there, plain here)" in remark.text
    (remark,) = compare(replace(there, details={"precision": "fp32"}), here)
    assert "(attention untold there, plain here)" in remark.text
    (remark,) = compare(replace(MIDIBERT, details=here.details), here)
    assert "attention" not in remark.text
