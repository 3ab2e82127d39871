"""What `bench pretrain` is asked for, and its defaults. Light to import, for the command's help."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Where neither steps nor minutes are given.
DEFAULT_MINUTES = 30.0
#: Fields of an order that are not among its `options`.
_NOT_OPTIONS = (
    *("method", "suite", "changes", "corpora", "train_splits", "licences"),
    *("steps", "minutes", "every", "device", "output"),
)


@dataclass(frozen=True, kw_only=True)
class Order:
    """What the command line asks for; see there. It takes its defaults from here."""

    method: str
    suite: str
    corpora: Sequence[Path] = ()
    train_splits: Sequence[str] = ()
    steps: int | None = None
    minutes: float | None = None
    batch_tokens: int = 8192
    lr: float = 5e-4
    warmup_steps: int = 500
    dropout: float = 0.1
    mask_share: float = 0.15
    transpose: int = 0
    stretch: float = 1.0
    seed: int = 0
    every: int = 250
    device: str = "auto"
    licences: Sequence[str] = ()
    changes: Sequence[str] = ()
    output: Path | None = None

    @property
    def target(self) -> Path:
        """Where the checkpoint goes."""
        return self.output or Path(f"{self.method}-{Path(self.suite).stem}.safetensors")

    @property
    def options(self) -> dict[str, Any]:
        """What is learned by, JSON values: other ones make other weights of the same music."""
        return {k: value for k, value in asdict(self).items() if k not in _NOT_OPTIONS}

    def command(self) -> str:
        """A command line that asks for the same, with files named without their folders."""
        defaults = Order(method=self.method, suite=self.suite)
        words = ["bench", "pretrain", self.method, "--suite", Path(self.suite).name]
        flags = {"corpora": "corpus", "train_splits": "train-split"}
        for name, value in asdict(self).items():
            hidden = name in ("method", "suite", "device", "every", "licences", "output")
            if hidden or value == getattr(defaults, name):
                continue
            for item in value if isinstance(value, tuple) else (value,):
                text = item.name if isinstance(item, Path) else str(item)
                words += ["--" + flags.get(name, name.replace("_", "-")), text]
        return shlex.join(words)
