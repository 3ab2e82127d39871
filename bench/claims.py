"""Which process runs which cell, where several runs share one results folder.

A claim is a lock on an empty file below the results folder, so whoever sees the folder sees the
claim: another machine, too, if the file system carries locks from one to the other, as NFS 4 does.
The system ends a claim with its process, however that ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

#: Of a file that another process has removed, the second on a network file system.
_GONE = (errno.ENOENT, errno.ESTALE)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one cell, until `release` or this process's end."""

    path: Path
    descriptor: int

    def release(self) -> None:
        """Let others have the cell."""
        self.path.unlink(missing_ok=True)  # while it is locked: no one else's lock loses its file
        os.close(self.descriptor)


class Claims:
    """The claims on what lies in one folder: that of the results, or of unfinished cells."""

    def __init__(self, results: Path) -> None:
        self.folder = results / ".claims"

    def claim(self, key: str) -> Claim | None:
        """A claim on the cell of that key; None while another process has it.

        Raises:
            UserError: the folder cannot be written, or its file system has no locks.
        """
        path = self.folder / f"{key}.lock"
        while True:
            try:
                with ExitStack() as unless_claimed:
                    self.folder.mkdir(parents=True, exist_ok=True)
                    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
                    unless_claimed.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if os.path.samestat(path.stat(), os.fstat(descriptor)):
                        unless_claimed.pop_all()
                        return Claim(path, descriptor)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno not in _GONE and not self._was_removed(error):
                    raise UserError(f"{path}: cannot be locked: {error.strerror}") from error
            # Between two of these lines another process has removed the file or the folder.

    def tidy(self) -> None:
        """Remove what killed runs have left, and the folder if no other run needs it."""
        locks = []
        with suppress(FileNotFoundError):  # another process has removed the folder
            locks = list(self.folder.glob("*.lock"))
        for path in locks:
            with suppress(UserError):
                if claim := self.claim(path.stem):
                    claim.release()
        with suppress(OSError):  # not empty, or not there
            self.folder.rmdir()

    def _was_removed(self, error: OSError) -> bool:
        """Whether mkdir collided with a folder that another process has since removed.

        It may have been made again since. Anything else of that name is an error.
        """
        if error.errno != errno.EEXIST:
            return False
        try:
            return stat.S_ISDIR(self.folder.lstat().st_mode)
        except OSError:
            return True
