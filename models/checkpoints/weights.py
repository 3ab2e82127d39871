"""Tensors on disk with metadata beside them: written whole, and refused in one line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import MsgspecError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from bench.errors import UserError
from bench.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from torch import Tensor


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a file in one stroke.

    Raises:
        UserError: the file cannot be written.
    """
    there = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    write_atomically(path, save(there, dict(metadata)))


def read_metadata(path: Path) -> dict[str, str]:
    """What stands beside the tensors; to be called inside `refusing`."""
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors, as float32; to be called inside `refusing`."""
    with safe_open(path, framework="pt") as file:
        names = file.keys()  # the file itself cannot be iterated over
        return {name: file.get_tensor(name).float() for name in names}


#: What reading a file raises, and giving its metadata to constructors, which trust their arguments.
_WRONG = (
    SafetensorError,
    MsgspecError,
    RuntimeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with a file that is read, and put to use, inside.

    Raises:
        UserError: it cannot be read, is not a checkpoint of ours, or a damaged one.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except _WRONG as error:
        raise UserError(f"{path}: not a checkpoint of smer-bench, or a damaged one") from error
