from __future__ import annotations

from dataclasses import replace as replace_cell
from typing import TYPE_CHECKING

import msgspec
from genuine import flipped, genuine, put, smoke_cell, with_predictions

from bench.provenance import Meter
from bench.running import Outcome
from bench.verification.rerun import cell_of, choose, compare, rerun

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.records import Record
    from bench.store import Store

replace = msgspec.structs.replace

KEY_MODE = genuine(smoke_cell("key-mode"))
MIDIBERT = genuine(smoke_cell("midibert", 1), segments=True)

HERE = replace(MIDIBERT.provenance, device=Meter().read("bench").device)


def answering(record: Record, n_right: int) -> Record:
    """The record with so many right answers, sure of each."""
    predictions = [
        replace(p, p=[float(q == (p.label + (i >= n_right)) % 4) for q in range(4)], segments=None)
        for i, p in enumerate(record.predictions)
    ]
    return with_predictions(record, predictions)


def test_each_method_has_its_turn_deterministic_ones_first(tmp_path: Path) -> None:
    cells = [smoke_cell("midibert", seed) for seed in range(4)]
    cells += [smoke_cell("midigpt", seed) for seed in range(2)]
    majority = smoke_cell("majority")
    cells += [smoke_cell("key-mode"), majority, replace_cell(majority, suite="mine")]
    records = {put(tmp_path, record): record for record in map(genuine, cells)}
    chosen = choose(records, 7, draw="any")
    assert list(chosen.items()) == [(file, records[file]) for file in chosen]
    names = [record.method.name for record in chosen.values()]
    assert {*names[:2]} == {"key-mode", "majority"}
    assert {*names[2:4]} == {"midibert", "midigpt"}
    assert (names[4], {*names[5:]}) == ("majority", {"midibert", "midigpt"})
    assert list(choose(dict(reversed(records.items())), 4, draw="any")) == list(chosen)[:4]
    for cell in cells:
        again = cell_of(genuine(cell))
        assert (again.key, again.identity) == (cell.key, cell.identity)


def test_no_record_is_safe_from_every_draw(tmp_path: Path) -> None:
    cells = [smoke_cell("midibert", seed) for seed in range(4)]
    records = {put(tmp_path, record): record for record in map(genuine, cells)}
    firsts = [next(iter(choose(records, 1, draw=str(i)))) for i in range(60)]
    assert {*firsts} == records.keys()


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


def test_a_seeded_method_may_not_differ_where_nothing_else_does() -> None:
    there = replace(MIDIBERT, provenance=HERE)
    (remark,) = compare(there, flipped(there))
    assert remark.wrong
    others = (
        replace(HERE, libraries={"numpy": "3"}),
        replace(HERE, code="ab" * 32),
        replace(HERE, device="another CPU"),
    )
    for provenance in others:
        (remark,) = compare(replace(there, provenance=provenance), flipped(there))
        assert not remark.wrong
    (remark,) = compare(replace(there, details={"attention": "amx"}), flipped(there))
    assert not remark.wrong


def test_a_gpu_may_differ_from_itself() -> None:
    gpu = replace(MIDIBERT, provenance=replace(HERE, device="a GPU"))
    (remark,) = compare(gpu, flipped(gpu))
    assert not remark.wrong


def test_no_machine_explains_what_no_seed_does() -> None:
    record, far = answering(MIDIBERT, 62), answering(MIDIBERT, 30)
    (remark,) = compare(record, far)
    assert remark.wrong
    assert "accuracy 0.4688, in the record 0.9688, further apart than seeds are" in remark.text
    (remark,) = compare(record, answering(MIDIBERT, 40))
    assert not remark.wrong
    (remark,) = compare(far, record)
    assert remark.wrong


def test_seeds_that_differ_much_explain_much(tmp_path: Path) -> None:
    record, far = answering(MIDIBERT, 62), answering(MIDIBERT, 30)
    row = [answering(genuine(smoke_cell("midibert", seed)), n) for seed, n in ((2, 20), (3, 60))]
    of_another_row = [answering(genuine(smoke_cell("midigpt", seed)), 9 * seed) for seed in (2, 3)]

    def run(store: Store, cells: Sequence[Cell]) -> Outcome:
        for cell in cells:
            store.write(cell, far)
        return Outcome(finished=list(cells))

    path = put(tmp_path, record)
    for beside, wrong in ((row, False), (row[:1], True), (of_another_row, True)):
        ((remark,),) = rerun({path: record}, run, beside=[record, *beside]).values()
        assert remark.wrong is wrong
