"""What `bench finetune` does: one cell of the benchmark, whose network is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from bench.datasets import load_dataset
from bench.execution import check_settings, fit_and_record
from bench.executors.worker import limit_threads
from bench.files import write_atomically
from bench.labels import QUADRANTS
from bench.scratch import forget, scratch_folder
from bench.starts import START
from models.checkpoints.finetuned import Card, neural_type, save_finetuned
from models.checkpoints.target import check_target

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.cells import Cell
    from bench.clips import Clip
    from bench.methods import Progress
    from bench.records import MethodUsed, Record
    from models.neural_method import NeuralMethod


def check_order(cell: Cell, target: Path) -> Path:
    """Refuse what `finetune` would; looks at no data, which may not be there yet.

    Returns:
        Where the model card goes.

    Raises:
        UserError: not a neural method, settings that do not fit, or a file that cannot be written.
    """
    page = check_target(target)
    neural_type(cell.method)
    check_settings(cell)
    return page


def finetune(cell: Cell, target: Path, command: str, progress: Progress) -> Record:
    """Train as the cell does, and write the network and its model card.

    A run that was killed goes on when it is asked for again.

    Args:
        cell: of a neural method.
        target: the file; the card is a page of the same name, `.md`.
        command: the command line that asks for this, for the card.
        progress: told how far the work is.

    Returns:
        The cell's record.

    Raises:
        UserError: as `check_order`.
    """
    card_page = check_order(cell, target)
    limit_threads(cell.threads)
    unfinished = f"finetune-{cell.key}"
    with scratch_folder(unfinished) as scratch:
        fitted, record = fit_and_record(cell, progress, scratch)
    method = cast("NeuralMethod", fitted)
    card = _card(record, command)
    save_finetuned(method, cell.method, cell.settings, target, card)
    page = _page(target.stem, record.method, card)
    write_atomically(card_page, page.encode())
    forget(unfinished)
    return record


def _card(record: Record, command: str) -> Card:
    details = record.details
    return Card(
        dataset=record.dataset,
        suite=record.cell.suite,
        seed=record.cell.seed,
        key=record.key,
        protocol=record.protocol,
        scores=record.scores,
        best_epoch=details["best_epoch"],
        precision=details["precision"],
        start=details["start"],
        package=record.provenance.package,
        device=record.provenance.device,
        command=command,
        ticks_per_beat=shared_resolution(load_dataset(record.dataset.name).train),
    )


def shared_resolution(clips: Sequence[Clip]) -> int | None:
    """The ticks per beat of all clips; None if they differ."""
    resolutions = (clip.midi.ticks_per_beat for clip in clips)
    first = next(resolutions, None)
    return first if all(other == first for other in resolutions) else None


def _page(name: str, method: MethodUsed, card: Card) -> str:
    """The card as a page for people, in Markdown."""
    scores, data, start = card.scores, card.dataset, card.start
    settings = ", ".join(
        f"{key} {value}" for key, value in sorted(method.settings.items()) if key != START
    )
    corpora = []
    if not isinstance(start, str):
        corpora = [f"{c['name']} ({c['licence']})" for c in start.get("corpora", ())]
        start = f"{start['checkpoint']} (sha256 {start['sha256']}, {start['exposure']})"
    confusion = [
        f"| {quadrant} | {' | '.join(map(str, row))} |"
        for quadrant, row in zip(QUADRANTS, scores.confusion, strict=True)
    ]
    about = (
        f"`{method.name}`, fine-tuned to tell in which quadrant of the valence-arousal plane piano "
        f"MIDI is: Q1 happy, Q2 angry, Q3 sad, Q4 calm. It learned from the {data.n_train:,} train "
        f"clips of {data.name} {data.version}; the {data.n_valid:,} valid clips chose the epoch."
    )
    measured = (
        f"On the {scores.n:,} test clips: accuracy {100 * scores.accuracy:.2f} %, macro-F1 "
        f"{scores.macro_f1:.4f}, valence {100 * scores.valence_accuracy:.2f} %, arousal "
        f"{100 * scores.arousal_accuracy:.2f} %. Rows are true quadrants, columns what it calls "
        "them:"
    )
    limits = (
        "It may do worse on other kinds of music. What it says of a piece is a guess about how "
        "listeners would label it."
    )
    lines = [f"# {name}", "", about, "", measured, ""]
    lines += [f"| | {' | '.join(QUADRANTS)} |", "|---|---:|---:|---:|---:|", *confusion, ""]
    lines += [limits, "", f"- started from: {start}"]
    if corpora:
        lines += [f"- which learned from: {'; '.join(corpora)}"]
    lines += [f"- settings: {settings}"]
    lines += [f"- seed: {card.seed}; best epoch: {card.best_epoch}; precision: {card.precision}"]
    if card.ticks_per_beat:
        lines += [f"- ticks per beat of the train clips: {card.ticks_per_beat}"]
    lines += [f"- cell: `{card.key}`, protocol {card.protocol}", f"- command: `{card.command}`", ""]
    return "\n".join(lines)
