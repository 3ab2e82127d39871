"""Datasets by name, their manifests, and what loading asserts."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import bench.datasets
from bench import registry
from bench.cli.data import data
from bench.clips import Clip
from bench.datasets import (
    SPLITS,
    ClipRow,
    Dataset,
    clip_rows,
    clip_songs,
    dataset_info,
    dataset_names,
    load_dataset,
    read_manifest,
)
from bench.datasets.builtin import built_in_manifest
from bench.datasets.manifest import parse_manifest
from bench.datasets.smf import SmfNote, smf_bytes
from bench.datasets.survey import count_dirt, dirt_of, lengths, rows_of
from bench.errors import UserError, WorkError
from bench.midi import parse_midi

if TYPE_CHECKING:
    from pathlib import Path

SHA = hashlib.sha256(b"").hexdigest()
MANIFEST = f"""\
# name: tiny
# version: 1
# file: music/{{id}}.mid
# about: four clips
clip,sha256,song,split,label,notes,dirt
a,{SHA},song 1,train,Q1,3,
b,{SHA},song 1,train,Q4,0,no-notes
c,{SHA},song 2,valid,Q2,2,
d,{SHA},song 3,test,Q3,5,
e,{SHA},song 1,left-out,Q1|Q3,5,contradictory
"""


def clip(name: str, song: str) -> Clip:
    return Clip(name, song, bench.datasets.__file__, SHA, 0)  # type: ignore[arg-type]  # unread


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and no mirror."""
    monkeypatch.setenv("SMER_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SMER_BENCH_MIRROR", raising=False)
    return tmp_path / "data"


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "music").mkdir(parents=True)
    for row in parse_manifest(MANIFEST).rows:
        (folder / f"music/{row.clip}.mid").touch()
    return folder


def test_a_song_must_not_cross_splits() -> None:
    train, valid, test = (clip("a", "s"), clip("b", "s")), (clip("c", "t"),), (clip("d", "u"),)
    Dataset("tiny", "1", train, valid, test)
    with pytest.raises(UserError, match="song 's' lies in both train and test"):
        Dataset("tiny", "1", (clip("a", "s"),), (clip("b", "t"),), (clip("c", "s"),))


def test_a_clip_that_is_left_out_may_have_any_song() -> None:
    train, valid, test = (clip("a", "s"),), (clip("c", "t"),), (clip("d", "u"),)
    found = Dataset("t", "1", train, valid, test, left_out=(clip("b", "s"),))
    assert [c.id for c in found.clips] == ["a", "c", "d", "b"]


@pytest.mark.parametrize("empty", range(3))
def test_no_split_is_empty(empty: int) -> None:
    splits = [(clip(name, name),) for name in "abc"]
    splits[empty] = ()
    with pytest.raises(UserError, match=f"{SPLITS[empty]} is empty"):
        Dataset("t", "1", *splits)


@pytest.mark.parametrize("quadrant", [None, 4, -1, "Q1"])
@pytest.mark.parametrize("split", SPLITS)
def test_every_clip_of_a_split_has_a_quadrant(split: str, quadrant: int | None) -> None:
    splits = {name: (clip(name, name),) for name in SPLITS}
    splits[split] = (replace(splits[split][0], quadrant=quadrant),)
    with pytest.raises(UserError, match=f"dataset t: {split} clip '{split}' has no quadrant 0..3"):
        Dataset("t", "1", **splits)


def test_a_dataset_is_hashed_by_all_that_decides_an_outcome(tiny: Path) -> None:
    one, two, three, other = (clip(name, name) for name in "abcd")

    def digest(*splits: tuple[Clip, ...], name: str = "t", version: str = "1") -> str:
        return Dataset(name, version, *splits).digest

    usual = digest((one, other), (two,), (three,))
    assert usual == digest((one, other), (two,), (three,))
    others = [
        digest((one, other), (two,), (three,), version="2"),
        digest((one, other), (two,), (three,), name="u"),
        digest((one,), (two,), (three,), (other,)),
        digest((one,), (two, other), (three,)),
        *(
            digest((one, replace(other, **change)), (two,), (three,))
            for change in ({"quadrant": 1}, {"song": "x"}, {"sha256": "0" * 64}, {"id": "x"})
        ),
    ]
    assert len({usual, *others}) == 1 + len(others)
    text = MANIFEST.replace("Q1|Q3", "")  # whose clips a dataset has in the same order
    manifest = parse_manifest(text)
    made = manifest.dataset(tiny)
    assert Dataset("tiny", "1", *made.splits.values(), made.left_out).digest == manifest.digest


def test_ids_are_unique() -> None:
    with pytest.raises(UserError, match="two clips have the id 'a'"):
        Dataset("tiny", "1", (clip("a", "s"),), (clip("a", "t"),), ())


def test_a_manifest_makes_a_dataset(tiny: Path) -> None:
    found = parse_manifest(MANIFEST).dataset(tiny)
    assert {name: [c.id for c in clips] for name, clips in found.splits.items()} == {
        "train": ["a", "b"],
        "valid": ["c"],
        "test": ["d"],
    }
    assert [c.quadrant for c in found.clips] == [0, 3, 1, 2, None]
    assert found.train[0].path == tiny / "music/a.mid"
    assert found.train[0].song == "song 1"


def test_a_missing_file_is_named(tiny: Path) -> None:
    (tiny / "music/c.mid").unlink()
    (tiny / "music/d.mid").unlink()
    with pytest.raises(UserError, match=r"music/c\.mid and 1 more: missing from tiny 1"):
        parse_manifest(MANIFEST).dataset(tiny)


def test_a_manifest_is_written_as_it_was_read() -> None:
    assert parse_manifest(MANIFEST).to_csv() == MANIFEST
    manifest = built_in_manifest("emopia")
    assert parse_manifest(manifest.to_csv()).digest == manifest.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# version: 1\n", "", "no `# version: ...`"),
        ("clip,sha256", "clip;sha256", "line 5: expected the columns clip,sha256,song"),
        ("train,Q4", "train,Q5", "line 7: unknown label 'Q5'"),
        ("valid,Q2", "val,Q2", "line 8: unknown split 'val'"),
        (f"d,{SHA}", f"d,{SHA[1:]}", "line 9: .* is not a sha256"),
        ("Q3,5,\n", "Q3,many,\n", "line 9: 'many' is not a number of notes"),
        ("Q3,5,\n", "Q3\n", "line 9: 5 fields instead of 7"),
        ("\nb,", "\na,", "2 rows name the file 'music/a.mid'"),
        ("\nb,", "\n../b,", "would lie outside"),
        ("music/{id}.mid", "/music/{id}.mid", "would lie outside"),
    ],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    file = tmp_path / "tiny.csv"
    assert MANIFEST.count(old) == 1
    file.write_text(MANIFEST.replace(old, new))
    with pytest.raises(UserError, match=message) as caught:
        read_manifest(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_editors_add_to_a_manifest_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "tiny.csv"
    file.write_text("\ufeff" + MANIFEST + "\n")
    assert read_manifest(file).to_csv() == MANIFEST


def test_the_digest_covers_what_decides_an_outcome_and_nothing_else() -> None:
    digest = parse_manifest(MANIFEST).digest
    for old, new in [
        ("version: 1", "version: 2"),
        ("train,Q4", "train,Q3"),
        ("song 2", "song 4"),
        ("valid,Q2", "test,Q2"),
        (f"a,{SHA}", f"a,{SHA[::-1]}"),
        ("\nd,", "\nf,"),
    ]:
        assert parse_manifest(MANIFEST.replace(old, new)).digest != digest, new
    for old, new in [("four clips", "some clips"), ("music/", ""), ("no-notes", "")]:
        assert parse_manifest(MANIFEST.replace(old, new)).digest == digest, new


@pytest.mark.parametrize(
    ("name", "sizes", "classes"),
    [
        ("emopia", (869, 114, 88), [[197, 214, 199, 259], [24, 30, 33, 27], [25, 19, 21, 23]]),
        (
            "vgmidi",
            (4867, 879, 1436),
            [[1693, 917, 742, 1515], [306, 166, 134, 273], [486, 309, 136, 505]],
        ),
        ("synthetic", (144, 32, 64), [[36] * 4, [8] * 4, [16] * 4]),
    ],
)
def test_the_splits(name: str, sizes: tuple[int, ...], classes: list[list[int]]) -> None:
    info = dataset_info(name)
    assert tuple(info.sizes.values()) == sizes
    rows = built_in_manifest(name).rows
    songs: dict[str, set[str]] = {}
    counts = {split: dict.fromkeys(("Q1", "Q2", "Q3", "Q4"), 0) for split in info.sizes}
    for row in rows:
        if row.split in counts:
            counts[row.split][row.label] += 1
            songs.setdefault(row.song, set()).add(row.split)
    assert [list(count.values()) for count in counts.values()] == classes
    assert all(len(splits) == 1 for splits in songs.values())


def test_known_dirt_is_counted() -> None:
    dirt = count_dirt(built_in_manifest("vgmidi").rows)
    assert {kind: sum(counts.values()) for kind, counts in dirt.items()} == {
        "contradictory": 5,
        "no-notes": 88,
        "pitch-range": 16,
        "empty-grid": 10,
        "repeat": 384,
        "in-train": 27,
    }
    assert dirt["contradictory"]["left-out"] == 5
    assert dirt["no-notes"]["test"] == 20
    assert dirt["repeat"]["test"] == 89


def test_dirt_is_seen_in_the_notes() -> None:
    def dirt(*notes: SmfNote) -> tuple[str, ...]:
        return dirt_of(parse_midi(smf_bytes([notes])))

    assert dirt() == ("no-notes",)
    assert dirt(SmfNote(0, 9, 21, 64)) == ("pitch-range", "empty-grid")
    assert dirt(SmfNote(0, 9, 22, 64), SmfNote(1, 9, 107, 64)) == ()
    assert dirt(SmfNote(0, 9, 22, 64), SmfNote(1, 9, 108, 64)) == ("pitch-range",)


def test_a_dataset_without_a_manifest_gets_its_rows() -> None:
    assert rows_of(load_dataset("synthetic")) == list(built_in_manifest("synthetic").rows)


def test_lengths_are_those_of_clips() -> None:
    assert lengths(parse_manifest(MANIFEST).rows) == (3, 5, 5)


def test_an_unknown_name_gets_the_nearest() -> None:
    for function in (load_dataset, dataset_info):
        with pytest.raises(UserError, match="unknown dataset 'emopa': did you mean 'emopia'"):
            function("emopa")


def test_data_that_are_not_there_name_the_command(home: Path) -> None:
    with pytest.raises(UserError, match="`bench data fetch emopia`"):
        load_dataset("emopia")
    assert not home.exists()


LOADED: list[str] = []


def foreign() -> Dataset:
    """What a package elsewhere would have."""
    LOADED.append("mine")
    train, valid, test = (clip("a", "s"),), (clip("d", "u"),), (clip("b", "t"), clip("c", "t"))
    return Dataset("mine", "3", train, valid, test, digest="digest")


def no_dataset() -> str:
    return "mine"


def fails() -> Dataset:
    raise ZeroDivisionError


def test_a_package_elsewhere_joins_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("mine", f"{__name__}:foreign", bench.datasets.GROUP),
        EntryPoint("broken", "there_is_no_such_module:load", bench.datasets.GROUP),
        EntryPoint("wrong", f"{__name__}:no_dataset", bench.datasets.GROUP),
        EntryPoint("other", f"{__name__}:foreign", bench.datasets.GROUP),
        EntryPoint("<b>", f"{__name__}:foreign", bench.datasets.GROUP),
        EntryPoint("twice", f"{__name__}:foreign", bench.datasets.GROUP),
        EntryPoint("twice", f"{__name__}:no_dataset", bench.datasets.GROUP),
        EntryPoint("fails", f"{__name__}:fails", bench.datasets.GROUP),
    ]
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(
        registry, "entry_points", lambda group: points if group == bench.datasets.GROUP else []
    )
    assert dataset_names() == [
        "emopia",
        "vgmidi",
        "synthetic",
        "<b>",
        "broken",
        "fails",
        "mine",
        "other",
        "twice",
        "wrong",
    ]
    assert len(load_dataset("mine").test) == 2
    info = dataset_info("mine")
    assert (info.name, info.version, info.digest) == ("mine", "3", "digest")
    assert dict(info.sizes) == {"train": 1, "valid": 1, "test": 2}
    assert clip_songs("mine") == {"a": "s", "d": "u", "b": "t", "c": "t"}
    assert LOADED == ["mine"]  # once, however often it is asked for
    with pytest.raises(UserError, match="did you mean 'mine'"):
        load_dataset("mina")
    assert clip_rows("mine")[1] == ClipRow("d", SHA, "u", "valid", "Q1")
    with pytest.raises(UserError, match=r"'broken': .* cannot be imported: ModuleNotFoundError"):
        load_dataset("broken")
    with pytest.raises(UserError, match=r"returned is not a bench\.datasets\.Dataset"):
        load_dataset("wrong")
    with pytest.raises(UserError, match="two packages bring a dataset 'twice'"):
        load_dataset("twice")
    with pytest.raises(UserError, match="dataset 'fails' failed: ZeroDivisionError"):
        load_dataset("fails")
    with pytest.raises(UserError, match=r"'other': .* returned one named 'mine'"):
        load_dataset("other")
    with pytest.raises(UserError, match="the dataset's name '<b>' may hold letters"):
        load_dataset("<b>")


def test_names_are_known_without_numpy() -> None:
    program = (
        "import sys, json; from bench.datasets import dataset_names; names = dataset_names();"
        "print(json.dumps([names, 'numpy' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    names, numpy = json.loads(done.stdout)
    assert names[:3] == ["emopia", "vgmidi", "synthetic"]
    assert not numpy


def test_info_tells_splits_classes_and_dirt_without_any_file(home: Path) -> None:
    result = CliRunner().invoke(data, ["info", "vgmidi"], catch_exceptions=False)
    lines = [line.split() for line in result.output.splitlines()]
    assert ["valid", "879", "306", "166", "134", "273", "25", "38", "186", "2,463"] in lines
    assert ["no-notes", "57", "11", "20", "0"] in [line[:5] for line in lines]
    assert "\x1b" not in result.output
    assert not home.exists()


def test_verify_names_what_is_missing_or_wrong(home: Path) -> None:
    files = [clip.path for clip in load_dataset("synthetic").test]
    result = CliRunner().invoke(data, ["verify"], catch_exceptions=False)
    assert "synthetic: 240 files, 0 missing or wrong" in result.output
    assert "emopia: not fetched" in result.output

    content = bytearray(files[3].read_bytes())
    content[40] ^= 1
    files[3].write_bytes(content)
    broken = CliRunner().invoke(data, ["verify", "synthetic"])
    assert isinstance(broken.exception, WorkError)
    assert f"{files[3]}: wrong content" in broken.output
    assert home.exists()


def test_verify_of_a_named_dataset_that_is_not_there_fails(home: Path) -> None:
    result = CliRunner().invoke(data, ["verify", "emopia"])
    assert isinstance(result.exception, WorkError)
    assert "emopia: 1,071 files, 1,071 missing or wrong" in result.output
    assert not home.exists()
