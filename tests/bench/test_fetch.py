"""Getting files from archives that nobody vouches for, whole or not at all."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from bench.cli.data import data
from bench.datasets import fetch as fetching
from bench.datasets.archives import unpack
from bench.datasets.builtin import Source
from bench.datasets.fetch import fetch, is_fetched
from bench.datasets.manifest import Manifest, ManifestRow
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Content = dict[str | zipfile.ZipInfo, bytes]

CONTENTS = {
    name: smf_bytes([[SmfNote(0, 480, 60 + i, 64)]]) for i, name in enumerate(("a", "b", "c"))
}
ARCHIVE = "tiny.zip"


@pytest.fixture
def manifest() -> Manifest:
    splits = ("train", "valid", "test")
    rows = [
        ManifestRow(name, hashlib.sha256(content).hexdigest(), name, split, "Q1", 1)
        for (name, content), split in zip(CONTENTS.items(), splits, strict=True)
    ]
    return Manifest("emopia", "9", "midis/{id}.mid", "", (), tuple(rows))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: Manifest) -> Path:
    """The data folder of a benchmark whose emopia has three files."""
    monkeypatch.setenv("SMER_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SMER_BENCH_MIRROR", raising=False)
    monkeypatch.setattr(fetching, "built_in_manifest", lambda _: manifest)
    use_source(monkeypatch, Source(ARCHIVE, "http://127.0.0.1:9/tiny.zip", None))
    return tmp_path / "data"


def use_source(monkeypatch: pytest.MonkeyPatch, source: Source) -> None:
    monkeypatch.setattr(fetching, "SOURCES", {"emopia": source})


def members(around: str = "EMOPIA_9/", **changes: bytes) -> Content:
    return {f"{around}midis/{name}.mid": content for name, content in (CONTENTS | changes).items()}


def pack(folder: Path, content: Content) -> Path:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in content.items():
            zipped.writestr(name, data)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


WHOLE = {f"emopia-9/midis/{name}.mid": content for name, content in CONTENTS.items()}


def test_a_mirror_is_read(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror = pack(tmp_path / "mirror", members() | {"EMOPIA_9/README": b"not in the manifest"})
    assert not is_fetched("emopia")
    assert fetch("emopia", mirror) == home / "emopia-9"
    assert files(home) == WHOLE
    assert is_fetched("emopia")

    (home / "emopia-9/midis/a.mid").unlink()
    monkeypatch.setenv("SMER_BENCH_MIRROR", str(mirror))
    fetch("emopia")
    assert files(home) == WHOLE


@pytest.mark.parametrize("around", ["", "x/y/z/"])
def test_the_archive_may_have_any_folder_around(home: Path, tmp_path: Path, around: str) -> None:
    fetch("emopia", pack(tmp_path / "mirror", members(around)))
    assert files(home) == WHOLE


def test_what_is_there_and_right_is_left_alone(home: Path, tmp_path: Path) -> None:
    mirror = pack(tmp_path / "mirror", members())
    fetch("emopia", mirror)
    (mirror / ARCHIVE).unlink()
    fetch("emopia", mirror)
    (home / "emopia-9/midis/a.mid").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"has no tiny\.zip"):
        fetch("emopia", mirror)
    pack(mirror, members())
    fetch("emopia", mirror)
    assert files(home) == WHOLE


def test_wrong_and_missing_files_are_named(home: Path, tmp_path: Path) -> None:
    content = members(b=b"another file")
    del content["EMOPIA_9/midis/c.mid"]
    with pytest.raises(
        UserError,
        match=r"2 of 3 files are not those of emopia 9: midis/b\.mid \(wrong content\), "
        r"midis/c\.mid \(missing\)",
    ):
        fetch("emopia", pack(tmp_path / "mirror", content))
    assert files(home) == {}


def test_of_two_candidates_the_right_one_is_taken(home: Path, tmp_path: Path) -> None:
    wrong: Content = {f"old/midis/{name}.mid": b"old" for name in CONTENTS}
    fetch("emopia", pack(tmp_path / "mirror", wrong | members()))
    assert files(home) == WHOLE


def test_a_failed_fetch_leaves_what_was_there(home: Path, tmp_path: Path) -> None:
    mirror = pack(tmp_path / "mirror", members())
    fetch("emopia", mirror)
    (home / "emopia-9/midis/a.mid").unlink()
    before = files(home)
    pack(mirror, members(a=b"wrong"))
    with pytest.raises(UserError, match=r"midis/a\.mid \(wrong content\)"):
        fetch("emopia", mirror)
    assert files(home) == before


@pytest.mark.parametrize(
    "evil",
    [
        "../evil.mid",
        "EMOPIA_9/../../evil.mid",
        "/evil.mid",
        "..\\evil.mid",
        "C:\\evil.mid",
        "C:evil.mid",
        "../midis/a.mid",
    ],
)
def test_a_member_that_would_escape_is_refused(home: Path, tmp_path: Path, evil: str) -> None:
    mirror = pack(tmp_path / "mirror", members() | {evil: CONTENTS["a"]})
    with pytest.raises(UserError, match=r"refused, because its member .* would leave the folder"):
        fetch("emopia", mirror)
    assert files(home) == {}
    assert not list(tmp_path.rglob("evil*"))


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = 0o120777 << 16
    return member


@pytest.mark.parametrize("aim", [b"/etc/passwd", b"../../outside", b"x" * 5000])
def test_a_link_that_leads_out_is_refused(home: Path, tmp_path: Path, aim: bytes) -> None:
    content = members() | {link("EMOPIA_9/way"): aim}
    with pytest.raises(UserError, match="'EMOPIA_9/way' would leave the folder"):
        fetch("emopia", pack(tmp_path / "mirror", content))
    assert files(home) == {}


def test_a_link_that_stays_inside_is_no_file(home: Path, tmp_path: Path) -> None:
    content = members()
    del content["EMOPIA_9/midis/b.mid"]
    content[link("EMOPIA_9/midis/b.mid")] = b"../midis/a.mid"
    with pytest.raises(UserError, match=r"midis/b\.mid \(wrong content\)"):
        fetch("emopia", pack(tmp_path / "mirror", content))
    assert files(home) == {}


@pytest.mark.parametrize("claimed", [50_000_000, 1000], ids=["honest", "lying"])
def test_a_bomb_is_not_unpacked(manifest: Manifest, tmp_path: Path, claimed: int) -> None:
    archive = pack(tmp_path / "mirror", members(a=bytes(50_000_000))) / ARCHIVE
    sizes = (size.to_bytes(4, "little") for size in (50_000_000, claimed))
    archive.write_bytes(archive.read_bytes().replace(*sizes))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"midis/a\.mid \(wrong content\)"):
        unpack(archive, manifest, tmp_path / "target")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_damaged_member_is_named(home: Path, tmp_path: Path) -> None:
    mirror = pack(tmp_path / "mirror", members())
    archive = bytearray((mirror / ARCHIVE).read_bytes())
    begin = archive.index(b"midis/b.mid") + len("midis/b.mid")
    archive[begin : begin + 8] = bytes(8)
    (mirror / ARCHIVE).write_bytes(archive)
    with pytest.raises(UserError, match=r"1 of 3 files .*midis/b\.mid \(wrong content\)"):
        fetch("emopia", mirror)
    assert files(home) == {}


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_what_is_no_archive_is_refused(home: Path, tmp_path: Path, content: bytes) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / ARCHIVE).write_bytes(content)
    with pytest.raises(UserError, match=r"tiny\.zip: not a readable zip archive"):
        fetch("emopia", mirror)
    assert files(home) == {}


def test_an_interrupted_fetch_leaves_nothing(home: Path, tmp_path: Path) -> None:
    def interrupt(fraction: float, note: str = "") -> None:
        raise KeyboardInterrupt(fraction, note)

    mirror = pack(tmp_path / "mirror", members())
    with pytest.raises(KeyboardInterrupt):
        fetch("emopia", mirror, interrupt)
    assert files(home) == {}
    assert not is_fetched("emopia")


def test_leftovers_of_a_killed_fetch_do_no_harm(home: Path, tmp_path: Path) -> None:
    leftover = home / ".emopia-9.partial/midis/a.mid"
    leftover.parent.mkdir(parents=True)
    leftover.write_bytes(b"half")
    assert not is_fetched("emopia")
    fetch("emopia", pack(tmp_path / "mirror", members()))
    assert files(home) == WHOLE


def test_a_fetch_killed_between_two_renames_loses_nothing(home: Path, tmp_path: Path) -> None:
    mirror = pack(tmp_path / "mirror", members())
    fetch("emopia", mirror)
    (home / "emopia-9").rename(home / ".emopia-9.old")
    pack(mirror, members(a=b"wrong"))
    with pytest.raises(UserError):
        fetch("emopia", mirror)
    assert files(home) == WHOLE


def test_a_folder_that_cannot_be_written_is_named(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("SMER_BENCH_DATA", str(blocked))
    with pytest.raises(UserError, match=r"file: cannot be written: .*SMER_BENCH_DATA"):
        fetch("emopia", pack(tmp_path / "mirror", members()))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the folder tmp_path/www."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name there
            pass

    (tmp_path / "www").mkdir()
    handler = partial(Quiet, directory=tmp_path / "www")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_an_archive_is_downloaded(
    home: Path, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = pack(tmp_path / "www", members()) / ARCHIVE
    md5 = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    use_source(monkeypatch, Source(ARCHIVE, f"{server}/{ARCHIVE}", md5))
    told: list[float] = []

    def tell(fraction: float, note: str = "") -> None:
        del note
        told.append(fraction)

    fetch("emopia", progress=tell)
    assert files(home) == WHOLE
    assert told[-1] == 1
    assert all(0 <= fraction <= 1 for fraction in told)


def test_a_download_with_another_md5_is_refused(
    home: Path, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(tmp_path / "www", members())
    use_source(monkeypatch, Source(ARCHIVE, f"{server}/{ARCHIVE}", "0" * 32))
    with pytest.raises(UserError, match="its md5 differs"):
        fetch("emopia")
    assert files(home) == {}


def test_a_download_without_end_is_ended(
    home: Path, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(tmp_path / "www", members())
    use_source(monkeypatch, Source(ARCHIVE, f"{server}/{ARCHIVE}", None))
    monkeypatch.setattr(fetching, "_LARGEST_ARCHIVE", 100)
    with pytest.raises(UserError, match="is too large: over 100 bytes"):
        fetch("emopia")
    assert files(home) == {}


def test_an_archive_that_is_gone_is_one_line(
    home: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_source(monkeypatch, Source(ARCHIVE, f"{server}/{ARCHIVE}", None))
    with pytest.raises(UserError, match="404") as caught:
        fetch("emopia")
    assert "\n" not in str(caught.value)
    assert files(home) == {}


def test_without_a_network_one_line_says_what_to_do(home: Path) -> None:
    with pytest.raises(UserError) as caught:
        fetch("emopia")
    message = str(caught.value)
    assert "`bench data fetch emopia --mirror DIR`" in message
    assert "--suite smoke" in message
    assert "\n" not in message
    assert files(home) == {}


def test_the_command_says_where_the_clips_are(home: Path, tmp_path: Path) -> None:
    mirror = pack(tmp_path / "mirror", members())
    command = ["fetch", "emopia", "--mirror", str(mirror)]
    result = CliRunner().invoke(data, command, catch_exceptions=False)
    assert str(home / "emopia-9") in result.output
    assert files(home) == WHOLE


def test_an_unknown_dataset_is_refused(home: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'emopia'"):
        fetch("emopa")
    assert not home.exists()
