"""What `bench pretrain` does: corpora to tokens, tokens to a checkpoint and its card."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

import click
import torch

from bench.cells import parse_changes
from bench.datasets import load_dataset
from bench.errors import UserError, WorkError
from bench.files import write_atomically
from bench.names import pick
from bench.registry import find_method
from bench.shown import shown
from bench.suites import load_suite
from models.backbones.kinds import KINDS
from models.checkpoints import save_checkpoint
from models.checkpoints.finetuned import neural_type
from models.checkpoints.target import check_target
from models.pretraining.augmentation import Augmentation
from models.pretraining.card import final_losses, model_card, new_card
from models.pretraining.corpora import ClipCorpus, open_corpus
from models.pretraining.order import DEFAULT_MINUTES
from models.pretraining.pieces import divide
from models.pretraining.progress import Meter, encoding_progress
from models.pretraining.store import stored_tokens
from models.pretraining.training import Pretraining, Recipe, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.neural_method import NeuralMethod
    from models.pretraining.corpora import Corpus
    from models.pretraining.objectives import Objective
    from models.pretraining.order import Order
    from models.pretraining.pieces import Pieces
    from models.pretraining.store import TokenStore


def run_order(order: Order) -> None:
    """Pre-train, and write the checkpoint and its card.

    Raises:
        UserError: something about the order or the files; one line.
        WorkError: the run diverged; or it was interrupted, and the same order goes on from there.
    """
    licences = _licences(order.licences)
    if order.steps and order.minutes:
        raise UserError("--steps and --minutes: say one of them")
    page = check_target(order.target)
    augmentation = Augmentation(order.transpose, order.stretch)
    method = _method(order)
    method.chosen_device()  # refused now, before the work, if it is not there
    stores = _stores(order, method)
    learned, held = divide(stores)
    objective = _objective(order, method)
    recipe = Recipe(
        steps=order.steps or 0,
        batch_tokens=order.batch_tokens,
        window=method.max_length + objective.extra,
        lr=order.lr,
        warmup_steps=order.warmup_steps,
        precision=method.precision,
        seed=order.seed,
        augmentation=augmentation,
    )
    state = State(
        order.target.with_name(order.target.name + ".unfinished"),
        _identity(order, method, recipe, stores),
    )
    training = _begun(order, objective, learned, held, recipe, state)
    _say(order, training, stores, learned, held)
    try:
        with Meter(training.recipe.steps, training.step) as meter:
            training.run(order.every, meter.tell, state)
    except KeyboardInterrupt:
        raise WorkError(
            f"interrupted; the same command goes on from the last of every {order.every} steps"
        ) from None
    card = new_card(stores, learned, held, training, licences, order)
    save_checkpoint(objective.backbone, order.target, card)
    write_atomically(page, model_card(training, card, order).encode())
    state.delete()
    click.echo(f"wrote {order.target} and {page}: {final_losses(card)}")


def _method(order: Order) -> NeuralMethod:
    """The suite's method, whose backbone has the sizes wanted; as long as any dataset needs."""
    suite = load_suite(order.suite)
    pick(order.method, suite.methods, "method", see="bench ls methods")
    changes = parse_changes(order.changes)
    kind: Any = neural_type(find_method(order.method))
    settings_of = {field.name for field in fields(kind)}
    sizes = settings_of & {field.name for field in fields(kind().backbone_config())} - {"dropout"}
    for name in changes:
        pick(name, {*sizes, "precision"}, "key of --changes")
    methods: list[NeuralMethod] = []
    for dataset in suite.datasets:
        settings = suite.settings(order.method, dataset) | changes
        settings |= {"dropout": order.dropout, "device": order.device, "start": ""}
        try:
            methods.append(kind(**settings))
        except TypeError as error:
            raise UserError(f"{order.method}: these settings do not fit: {error}") from error
    return max(methods, key=lambda method: method.max_length)


def _stores(order: Order, method: NeuralMethod) -> list[TokenStore]:
    corpora: list[Corpus] = [open_corpus(path) for path in order.corpora]
    corpora += [
        ClipCorpus(f"{name} (train split)", load_dataset(name).train) for name in order.train_splits
    ]
    if not corpora:
        raise UserError("nothing to learn from: say --corpus DIR|ARCHIVE, once or several times")
    with encoding_progress(len(corpora)) as progress:
        stores = [stored_tokens(corpus, method.encoding, progress) for corpus in corpora]
    for store in stores:
        for file, reason in list(store.about.bad.items())[:5]:
            click.echo(f"{store.corpus}: {file}: left out: {reason}", err=True)
        if len(store.about.bad) > 5:
            click.echo(
                f"{store.corpus}: {len(store.about.bad):,} files left out in all; "
                f"{store.folder / 'about.json'} names them",
                err=True,
            )
    return stores


def _objective(order: Order, method: NeuralMethod) -> Objective:
    with torch.random.fork_rng([]):  # weights are drawn on the CPU
        torch.default_generator.manual_seed(order.seed)
        backbone = method.new_backbone()
        objective = KINDS[pick(backbone.kind, KINDS, "backbone")].objective(backbone, order)
    return objective.to(method.chosen_device())


def _begun(
    order: Order,
    objective: Objective,
    learned: Pieces,
    held: Pieces,
    recipe: Recipe,
    state: State,
) -> Pretraining:
    """A run that is new, or goes on. Its number of steps is decided once, when it begins."""
    saved = state.load()
    if saved:
        recipe = replace(recipe, steps=saved["steps"])
    elif not order.steps:
        timed = Pretraining(objective, learned, held, replace(recipe, steps=1 << 30))
        seconds = 60 * (order.minutes or DEFAULT_MINUTES)
        recipe = replace(recipe, steps=max(int(seconds / timed.seconds_per_step()), 1))
    training = Pretraining(objective, learned, held, recipe)
    if saved:
        state.restore(saved, training)
    return training


def _identity(
    order: Order, method: NeuralMethod, recipe: Recipe, stores: Sequence[TokenStore]
) -> dict[str, Any]:
    """What an unfinished run must share with one that wants to go on from it."""
    identity = order.options | asdict(recipe) | {"steps": order.steps, "minutes": order.minutes}
    for name in identity["augmentation"]:
        del identity[name]  # it is there
    identity["sizes"] = asdict(method.backbone_config())
    identity["encoding"] = stores[0].about.encoding
    identity["corpora"] = sorted(store.about.digest for store in stores)
    return identity


def _licences(texts: Sequence[str]) -> dict[str, str]:
    licences = {}
    for text in map(shown, texts):  # as corpora are named
        corpus, equals, licence = text.partition("=")
        if not equals:
            raise UserError(f"--licence {text!r}: write CORPUS=TEXT, as in pop909.tar.xz=MIT")
        licences[corpus] = licence
    return licences


def _say(
    order: Order,
    training: Pretraining,
    stores: Sequence[TokenStore],
    learned: Pieces,
    held: Pieces,
) -> None:
    bad = sum(len(store.about.bad) for store in stores)
    n_parameters = sum(p.numel() for p in training.objective.backbone.parameters())
    click.echo(
        f"{order.method}: {n_parameters:,} parameters; {learned.n_tokens:,} tokens in "
        f"{len(learned):,} pieces, {len(held):,} held out, {bad:,} files left out; "
        + (f"going on at step {training.step:,}, " if training.step else "")
        + f"{training.recipe.steps:,} steps",
        err=True,
    )
