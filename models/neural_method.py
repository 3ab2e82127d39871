"""What the neural methods share: their settings, and the way from clips to predictions."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import numpy as np
import torch

from bench.derived import derive, derive_all
from bench.errors import UserError
from bench.machine import lacks_for_kernels
from bench.names import pick
from bench.registry import find_method
from bench.starts import RANDOM_WEIGHTS, TRANSDUCTIVE, find_start, sha256_of
from models.attention import implementation
from models.batching import Example
from models.checkpoints import load_checkpoint, load_sizes
from models.evaluation import mean_by_clip, predict
from models.multitask import EMOTION, TASKS, UNKNOWN, LossForm, auxiliary_tasks
from models.network import Network
from models.precision import Precision, computed
from models.training import History, Recipe
from models.training import train as train_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from bench.clips import Clip
    from bench.methods import FloatArray, Progress
    from models.backbones import Backbone, BackboneConfig
    from models.batching import IntArray
    from models.heads import AttentionPooling, LastToken
    from models.tokens.encodings import Encoding

_COUNTS = ("width", "layers", "heads", "embedding", "max_length", "epochs", "batch_size")
_FROM_ZERO = ("lr", "weight_decay", "warmup_steps")


@dataclass(kw_only=True)
class NeuralMethod(ABC):
    """A backbone, its heads and their training. The fields are the method's settings."""

    _backbone_type: ClassVar[type[Backbone]]
    _pooling: ClassVar[type[AttentionPooling] | type[LastToken]]
    encoding: ClassVar[Encoding]
    method_name: ClassVar[str]  # set by `register_method`

    width: int
    layers: int
    heads: int
    max_length: int
    dropout: float
    tasks: Sequence[str] = ()  # auxiliary ones: names in `models.multitask.TASKS`, in its order
    loss: LossForm = "printed"  # how losses are weighted (`TaskWeights`)
    epochs: int = 100
    batch_size: int = 16
    lr: float = 3e-5
    weight_decay: float = 0.01
    warmup_steps: int = 500
    patience: float = 0.3  # share of the epochs without a better one after which training stops
    precision: Precision = "fp32"  # bf16 where the device has units for it
    start: str = ""  # a shipped checkpoint's name, or a file; empty or "none": random weights
    device: str = "auto"  # "cpu", "cuda", or the GPU where there is one

    _network: Network | None = field(default=None, init=False, repr=False)
    _history: History = field(default_factory=History, init=False, repr=False)
    _origin: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _scratch: Path | None = field(default=None, init=False, repr=False)
    _ticks_per_beat: int | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            UserError: one of them makes no sense; says which.
        """
        known = auxiliary_tasks(self.encoding.labels)
        given = [pick(task, known, "task") for task in self.tasks]
        ordered = [task for task in known if task in given]
        if given != ordered:
            raise UserError(f"setting tasks={given}: write each once, in this order: {ordered}")
        pick(self.loss, get_args(LossForm), "loss")
        pick(self.precision, get_args(Precision), "precision")
        for name in _COUNTS:
            if (count := getattr(self, name, 1)) < 1:  # not all have an `embedding`
                raise UserError(f"setting {name}={count}: must be at least 1")
        for name in _FROM_ZERO:
            if not 0 <= (value := getattr(self, name)) < math.inf:
                raise UserError(f"setting {name}={value}: must be a number of at least 0")
        if self.width % self.heads:
            raise UserError(f"setting width={self.width}: not a multiple of heads={self.heads}")
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", self.device):
            raise UserError(f"setting device={self.device!r}: write auto, cpu, cuda or cuda:0")
        if not 0 <= self.dropout < 1:
            raise UserError(f"setting dropout={self.dropout}: must be at least 0 and below 1")
        if not 0 < self.patience <= 1:
            raise UserError(f"setting patience={self.patience}: must be above 0 and at most 1")

    def check(self) -> None:
        """See `bench.methods.CheckedMethod`: the checkpoint to start from is there, and fits."""
        if self.start not in RANDOM_WEIGHTS:
            path = self._start_file()
            self._hold_against(path, *load_sizes(path, dropout=self.dropout))

    def resume_in(self, scratch: Path) -> None:
        """Keep the state of training in this folder, and go on from what lies there."""
        self._scratch = scratch

    def fit(
        self, train: Sequence[Clip], valid: Sequence[Clip], *, seed: int, progress: Progress
    ) -> None:
        """See `bench.methods.Method`."""
        self._network = self.new_network(seed)
        self._ticks_per_beat = None  # it learns from files as they are
        self._history = train_network(
            self._network,
            self.labelled_examples(train),
            self.labelled_examples(valid),
            self.recipe,
            seed=seed,
            progress=progress,
            scratch=self._scratch,
        )

    @property
    def recipe(self) -> Recipe:
        """Those of the settings that say how to train."""
        return Recipe(**{setting.name: getattr(self, setting.name) for setting in fields(Recipe)})

    def new_network(self, seed: int) -> Network:
        """The network before training, on the chosen device.

        Raises:
            UserError: the checkpoint to start from is damaged, missing, of other sizes or another
                encoding; the device is not there.
        """
        device = self.chosen_device()
        with torch.random.fork_rng([]):  # weights are drawn on the CPU
            torch.default_generator.manual_seed(seed)
            backbone = self.new_backbone() if self.start in RANDOM_WEIGHTS else self._start()
            network = Network(backbone, self._pooling(backbone.width), self.tasks, self.loss)
        return network.to(device)

    def labelled_examples(self, clips: Sequence[Clip]) -> list[Example]:
        """What the network trains on: at least one example for each clip, with its targets.

        Raises:
            ValueError: the encoding has more or fewer labels than tokens of a clip.
        """
        of_clips = {
            task: find(clips) for task in (EMOTION, *self.tasks) if (find := TASKS[task].of_clips)
        }
        of_tokens = [task for task in self.tasks if TASKS[task].of_tokens]
        labels = [self.encoding.labels[task] for task in of_tokens]
        tokens, *found = derive_all(clips, [self.encoding.tokens, *labels])
        for what, arrays in zip(labels, found, strict=True):
            for clip, sequence, classes in zip(clips, tokens, arrays, strict=True):
                if len(classes) != len(sequence):
                    raise ValueError(
                        f"{clip.path}: {len(sequence)} tokens, but {len(classes)} of {what.name}"
                    )
        return self._examples(tokens, of_clips, dict(zip(of_tokens, found, strict=True)))

    def unlabelled_examples(self, clips: Sequence[Clip]) -> list[Example]:
        """What the network is asked about: at least one example for each clip."""
        return self._examples(derive(clips, self.encoding.brought_to(self._ticks_per_beat)))

    def predict_proba(self, clips: Sequence[Clip]) -> FloatArray:
        """See `bench.methods.Method`."""
        examples = self.unlabelled_examples(clips)
        of_clip = np.array([example.clip for example in examples], dtype=np.int64)
        return mean_by_clip(self._predict(examples), of_clip)

    def details(self) -> dict[str, Any]:
        """See `bench.methods.DetailedMethod`."""
        network = self.network
        device = next(network.parameters()).device
        precision = computed(self.precision, device)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        return {
            "history": self._history.epochs,
            "best_epoch": self._history.best_epoch,
            "epochs_run": len(self._history.epochs),
            "tasks": list(self.tasks),
            "n_parameters": sum(p.numel() for p in network.parameters()),
            "precision": precision,
            "attention": implementation(device, dtype, self.width // self.heads),
            "start": self._origin or "random",
        }

    def _predict(self, examples: Sequence[Example]) -> FloatArray:
        return predict(self.network, examples, self.precision)

    @property
    def network(self) -> Network:
        """The fitted network."""
        if self._network is None:
            raise RuntimeError("fit first")
        return self._network

    def take(
        self,
        backbone: Backbone,
        weights: Mapping[str, Tensor],
        ticks_per_beat: int | None = None,
    ) -> None:
        """Be fitted as another method of the same settings was.

        Args:
            backbone: as that one's; its weights do not matter.
            weights: all of that one's network.
            ticks_per_beat: of all files that it learned from. Those that it is asked about are
                first brought to as many, where the encoding depends on it; None: never.

        Raises:
            RuntimeError: the weights are not those of such a network.
        """
        with torch.device("meta"):
            network = Network(backbone, self._pooling(backbone.width), self.tasks, self.loss)
        network.load_state_dict(weights, assign=True)
        self._network = network.to(self.chosen_device())
        self._ticks_per_beat = ticks_per_beat

    def chosen_device(self) -> torch.device:
        """Where the network is to be.

        Raises:
            UserError: it is not on this machine, or lacks what it needs.
        """
        auto = "cuda" if torch.cuda.is_available() else "cpu"
        device = torch.device(auto if self.device == "auto" else self.device)
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise UserError(f"device {self.device}: there is no such GPU here, or torch sees none")
        if device.type == "cuda" and (lacks := lacks_for_kernels()):
            raise UserError(f"device {device}: lacks {lacks}; install it, or choose the device cpu")
        return device

    def _start_file(self) -> Path:
        """The checkpoint that `start` names.

        Raises:
            UserError: there is none, or the method has none.
        """
        place = find_method(self.method_name).start
        if not place:
            raise UserError(
                f"setting start={self.start!r}: {self.method_name} says no start in its "
                "@register_method, so that no cell's key would hold the checkpoint's content"
            )
        return find_start(place, self.start)

    def _start(self) -> Backbone:
        """The backbone of the checkpoint `start`.

        Raises:
            UserError: as `_start_file` and `_hold_against`.
        """
        path = self._start_file()
        backbone, card = load_checkpoint(path, dropout=self.dropout)
        self._origin = {
            "checkpoint": path.name,  # without its folder: records give no one's paths away
            "sha256": sha256_of(path),
            "exposure": TRANSDUCTIVE,  # unless its card says that it has seen no test clip
            **card,
        }
        self._hold_against(path, backbone, card)
        return backbone

    def _hold_against(self, path: Path, backbone: Backbone, card: Mapping[str, Any]) -> None:
        """Check a checkpoint against the settings and the encoding.

        Raises:
            UserError: it is of other sizes, another kind, or has learned another encoding.
        """
        if not isinstance(backbone, self._backbone_type):
            raise UserError(f"{path}: a checkpoint of {backbone.kind}, which is not this method's")
        reads = self.encoding.id
        if (learned := card.get("encoding", reads)) != reads:  # others' cards need not say
            raise UserError(
                f"{path}: has learned the encoding {learned!r}, and {self.method_name} reads "
                f"{reads!r}: its tokens mean something else"
            )
        found = asdict(backbone.config)
        for name, value in asdict(self.backbone_config()).items():
            fits = found[name] >= value if name == "max_length" else found[name] == value
            if not fits:
                raise UserError(
                    f"setting {name}={value}: the checkpoint {self.start} has {name}={found[name]}"
                )

    @abstractmethod
    def backbone_config(self) -> BackboneConfig:
        """The backbone's sizes."""

    @abstractmethod
    def new_backbone(self) -> Backbone:
        """The backbone with random weights, drawn from torch's global generator."""

    @abstractmethod
    def _cut(self, n_tokens: int) -> list[slice]:
        """Which of a clip's tokens, one at least, make an example each."""

    def _examples(
        self,
        tokens: Sequence[IntArray],
        of_clips: Mapping[str, Sequence[int]] = {},
        of_tokens: Mapping[str, Sequence[IntArray]] = {},
    ) -> list[Example]:
        """Examples of each clip's tokens, in order, with the classes of clips and of tokens."""
        examples = []
        for i, encoded in enumerate(tokens):
            sequence = encoded if len(encoded) else np.array([self.encoding.nothing])
            for part in self._cut(len(sequence)):
                targets: dict[str, int | IntArray] = {t: of[i] for t, of in of_clips.items()}
                for task, classes in of_tokens.items():
                    targets[task] = (classes[i] if len(encoded) else np.array([UNKNOWN]))[part]
                examples.append(Example(i, sequence[part], targets))
        return examples
