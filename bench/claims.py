"""Which process does what, where several share a folder: runs cells, keeps states, fetches data.

A claim is a lock on an empty file below that folder, so whoever sees the folder sees the claim:
another machine, too, if the file system carries locks from one to the other, as NFS 4 does. The
system ends a claim with its process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: What opening a file raises that another process has just removed; ESTALE on network file systems.
_GONE = (errno.ENOENT, errno.ESTALE)
#: Removals by others in a row, after which the folder is taken for one that cannot be made.
_TRIES = 10_000
#: Seconds between two looks at a key that another process has.
_LOOK = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to what a key stands for, such as a cell, until `release` or this process's end."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Let others have it."""
        with suppress(OSError):  # a file that stays is no claim once it is closed
            self.path.unlink()  # while it is locked: no one else's lock loses its file
        os.close(self.descriptor)


class Claims:
    """The claims on what lies in one folder: results, states of cells, datasets, derived values."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / ".claims"

    def claim(self, key: str) -> Claim | None:
        """A claim on a key, such as a cell's; None while another process has it.

        Raises:
            UserError: the folder cannot be written, or its file system has no locks.
        """
        path = self._folder / f"{key}.lock"
        for _ in range(_TRIES):
            try:
                with ExitStack() as unless_claimed:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
                    unless_claimed.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(path.stat(), os.fstat(descriptor)):
                        unless_claimed.pop_all()
                        return Claim(path, descriptor)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno not in _GONE and not _was_removed(error):
                    raise UserError(f"{path}: cannot be locked: {error.strerror}") from error
            # Between two of these lines another process has removed the file or the folder.
        raise UserError(f"{path}: cannot be locked: its folder cannot be made")

    @contextmanager
    def waiting(self, key: str) -> Iterator[None]:
        """Hold a key in a block, as soon as no other process, and no other thread, holds it.

        A holder that dies is waited for no longer. Blocks for one key do not nest.

        Raises:
            UserError: as `claim`, before the block begins.
        """
        while (claim := self.claim(key)) is None:
            time.sleep(_LOOK)
        try:
            yield
        finally:
            claim.release()
            self._remove_if_empty()

    def tidy(self) -> None:
        """Remove what killed runs have left, and the folder if no other run needs it."""
        locks = []
        with suppress(FileNotFoundError):  # another process has removed the folder
            locks = list(self._folder.glob("*.lock"))
        for path in locks:
            with suppress(UserError):
                if claim := self.claim(path.stem):
                    claim.release()
        self._remove_if_empty()

    def _remove_if_empty(self) -> None:
        with suppress(OSError):  # not empty, or not there
            self._folder.rmdir()


def _was_removed(error: OSError) -> bool:
    """Whether mkdir collided with a folder that another process has since removed.

    It may have been made again since. Anything else of that name is an error.
    """
    if error.errno != errno.EEXIST:
        return False
    try:
        return stat.S_ISDIR(os.lstat(error.filename).st_mode)  # perhaps one above the claims'
    except OSError:
        return True
