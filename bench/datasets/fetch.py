"""Getting a dataset's files: from where they are published, or from a folder of archives."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.datasets.archives import unpack
from bench.datasets.builtin import BUILT_IN, SOURCES, built_in_manifest
from bench.datasets.storage import dataset_folder, locked, replacing
from bench.datasets.verify import problems
from bench.errors import UserError
from bench.methods import silent
from bench.names import pick

if TYPE_CHECKING:
    from bench.datasets.builtin import Source
    from bench.methods import Progress


#: Bytes; the published ones have a hundredth of it.
_LARGEST_ARCHIVE = 1 << 29


def is_fetched(name: str) -> bool:
    """Whether all files of a dataset are on this machine (no file is read).

    True of `synthetic`, which is generated when it is first used, and of datasets of other
    packages, which look after their own files.
    """
    if name not in SOURCES:
        return True
    manifest = built_in_manifest(name)
    return not manifest.missing(dataset_folder(manifest))


def fetch(name: str, mirror: str | Path | None = None, progress: Progress = silent) -> Path:
    """Download a dataset and unpack it, all of it or nothing.

    A dataset that is there already, every file with the content it must have, is left alone.

    Args:
        name: a dataset of the benchmark's own.
        mirror: folder with the published archives, read instead of the network; by default
            the environment variable `SMER_BENCH_MIRROR`, if it is set.
        progress: told of download and unpacking.

    Returns:
        The folder of the dataset's files.

    Raises:
        UserError: an unknown name; no network; an archive that is missing, damaged, or does not
            hold the files that the manifest lists.
    """
    from bench.datasets import dataset_names  # which imports this package's modules

    if name in set(dataset_names()) - set(BUILT_IN):
        raise UserError(f"{name}: a dataset of another package, which must bring its files")
    manifest = built_in_manifest(pick(name, BUILT_IN, "dataset"))
    folder = dataset_folder(manifest)
    if name not in SOURCES:
        from bench.datasets.synthetic import install

        return install(mend=True)
    source = SOURCES[name]
    mirror = mirror or os.environ.get("SMER_BENCH_MIRROR")
    with locked(folder):
        if not problems(manifest.expected(folder)):
            progress(1, "already here")
            return folder
        try:
            with tempfile.TemporaryDirectory(prefix="smer-bench-") as scratch:
                if mirror:
                    archive = _in_mirror(source, Path(mirror))
                else:
                    archive = _download(name, source, Path(scratch), progress)
                with replacing(folder) as partial:
                    unpack(archive, manifest, partial, progress)
        except OSError as error:  # of the folder for temporary files
            raise UserError(f"{name} cannot be fetched: {error.strerror or error}") from error
    return folder


def _in_mirror(source: Source, mirror: Path) -> Path:
    archive = mirror / source.archive
    if not archive.is_file():
        raise UserError(f"{mirror} has no {source.archive}, which comes from {source.url}")
    return archive


def _download(name: str, source: Source, scratch: Path, progress: Progress) -> Path:
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")  # it would announce what the progress bar shows
    try:
        path = pooch.retrieve(
            source.url,
            known_hash=f"md5:{source.md5}" if source.md5 else None,
            fname=source.archive,
            path=scratch,
            downloader=pooch.HTTPDownloader(progressbar=_DownloadBar(progress)),
        )
    except requests.RequestException as error:
        raise UserError(
            f"{name} cannot be downloaded from {source.url} ({_reason(error)}). Without a "
            f"network: `bench data fetch {name} --mirror DIR` reads {source.archive} from a "
            "folder, and `bench run --all --suite smoke` needs no download"
        ) from error
    except _TooLarge as error:
        raise UserError(
            f"{name}: the download from {source.url} is too large: over {_LARGEST_ARCHIVE:,} bytes"
        ) from error
    except ValueError as error:  # pooch's word for a wrong md5
        raise UserError(
            f"{name}: what {source.url} sent is not the archive that was published: its md5 differs"
        ) from error
    return Path(path)


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return str(error).partition("\n")[0]


class _TooLarge(Exception):  # noqa: N818  # never leaves this module
    pass


class _DownloadBar:
    """A `Progress` in the form that pooch expects of a progress bar."""

    def __init__(self, progress: Progress) -> None:
        self.total = 0
        self._progress = progress
        self._done = 0

    def update(self, n_bytes: int) -> None:
        self._done += n_bytes
        if self._done > _LARGEST_ARCHIVE:
            raise _TooLarge
        fraction = min(self._done / self.total, 1) if self.total else 0
        self._progress(fraction, f"{self._done / 1e6:.1f} MB")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass
