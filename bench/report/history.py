"""What records say of training, in whatever shape their methods report it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.records import Record


def curves(history: object) -> dict[str, list[float]]:
    """A training history as named curves, whether it is a list of epochs or a table of columns."""
    columns: dict[str, list[Any]] = {}
    if isinstance(history, dict):
        columns = {
            str(name): values for name, values in history.items() if isinstance(values, list)
        }
    elif isinstance(history, list) and all(isinstance(epoch, dict) for epoch in history):
        names = dict.fromkeys(str(name) for epoch in history for name in epoch)
        columns = {name: [epoch.get(name) for epoch in history] for name in names}
    numbers = {
        name: [float(v) if isinstance(v, int | float) else float("nan") for v in values]
        for name, values in columns.items()
    }
    return {name: values for name, values in numbers.items() if any(v == v for v in values)}


def validation_accuracy(record: Record) -> float | None:
    """Accuracy on the validation clips after the epoch that was tested; None if not recorded."""
    curve = curves(record.details.get("history")).get("valid_accuracy", [])
    best = record.details.get("best_epoch")
    if not isinstance(best, int) or not 1 <= best <= len(curve):
        return None
    accuracy = curve[best - 1]
    return accuracy if 0 <= accuracy <= 1 else None
