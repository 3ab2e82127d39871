from __future__ import annotations

from math import ceil, floor

import pytest

from bench.datasets import dataset_info
from bench.report.published import PaperAblation, PaperResult, published

Result = PaperResult | PaperAblation
EVERY: list[Result] = [*published().table, *published().ablation]
COUNTED = [row for row in EVERY if row.items]


def name(row: Result) -> str:
    tasks = "+".join(row.tasks) if isinstance(row, PaperAblation) else "table"
    return f"{row.method}-{row.dataset}-{tasks}"


def possible_totals(row: Result, runs: int) -> list[int]:
    """How many right answers, over all runs, print as the row's mean."""
    assert row.items is not None
    n = row.items * runs
    printed = f"{row.accuracy:.2f}"
    near = range(floor(row.accuracy / 100 * n) - 2, ceil(row.accuracy / 100 * n) + 3)
    cut = [k for k in near if f"{floor(k / n * 10_000) / 100:.2f}" == printed]
    rounded = [k for k in near if f"{k / n * 100:.2f}" == printed]
    return rounded if row.accuracy_std is not None else cut


@pytest.mark.parametrize("row", COUNTED, ids=name)
def test_the_means_are_counts_over_the_stated_test_set(row: Result) -> None:
    assert possible_totals(row, published().paper.runs if row.accuracy_std is not None else 1)


def deviation_is_possible(row: Result, ddof: int) -> bool:
    """Whether ten whole counts can have the printed mean and standard deviation.

    With a total of K the sum of squares Q is a whole number as odd or even as K.
    """
    assert row.items is not None
    assert row.accuracy_std is not None
    runs = published().paper.runs
    for total in possible_totals(row, runs):
        low, high = (
            ((row.accuracy_std + half) / 100 * row.items) ** 2 * (runs - ddof) + total**2 / runs
            for half in (-0.005, 0.005)
        )
        if any((squares - total) % 2 == 0 for squares in range(ceil(low), floor(high) + 1)):
            return True
    return False


def test_the_papers_deviations_are_sample_deviations() -> None:
    spread = [row for row in COUNTED if row.accuracy_std is not None]
    assert len(spread) == 8  # four of Table 2, four of Table 3
    assert published().paper.std_ddof == 1
    assert all(deviation_is_possible(row, ddof=1) for row in spread)
    assert sum(deviation_is_possible(row, ddof=0) for row in spread) == 1


def test_the_ablation_ends_where_the_table_stands() -> None:
    book = published()
    table = book.ablated("midibert", "emopia")
    for tasks, method in (((), "midibert"), (("key", "velocity"), "mt-midibert")):
        row = table[frozenset(tasks)]
        result = book.result(method, "emopia")
        assert result is not None
        assert (row.accuracy, row.accuracy_std) == (result.accuracy, result.accuracy_std)


def test_gains_are_the_papers() -> None:
    book = published()
    assert book.gain("emopia") == pytest.approx(4.17)
    assert book.gain("vgmidi") == pytest.approx(2.51)
    assert book.gain("synthetic") == pytest.approx(4.17)
    for dataset, single, gain in (("emopia", "midibert", 4.17), ("vgmidi", "midigpt", 1.97)):
        one, many = book.result(single, dataset), book.result(f"mt-{single}", dataset)
        assert one is not None
        assert many is not None
        assert many.accuracy - one.accuracy == pytest.approx(gain)


def test_every_row_stands_once_and_names_a_dataset() -> None:
    book = published()
    for keys in (
        [(row.method, row.dataset) for row in book.table],
        [(row.method, row.dataset, frozenset(row.tasks)) for row in book.ablation],
        [(row.name, row.dataset) for row in book.later],
    ):
        assert len(keys) == len(set(keys))
    for row in (*EVERY, *book.later):
        assert row.dataset in book.datasets
        assert dataset_info(row.dataset).name == row.dataset
