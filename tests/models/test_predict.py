"""From a cell to a network's file, and from there to the emotion of any MIDI file."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cells import plan
from bench.cli import cli
from bench.datasets import load_dataset
from bench.datasets.smf import SmfNote, smf_bytes
from bench.errors import UserError, WorkError
from bench.execution import run_cell
from bench.labels import QUADRANTS
from bench.methods import silent
from bench.registry import find_method
from bench.scratch import scratch_folder
from bench.store import Store
from bench.suites import load_suite
from models.aiming import Share, yardstick
from models.checkpoints import is_finetuned, save_checkpoint
from models.checkpoints.finetuned import find_finetuned, load_finetuned
from models.checkpoints.weights import read_metadata, read_weights, write_weights
from models.neural_method import NeuralMethod
from models.predicting import guess_files

if TYPE_CHECKING:
    from pathlib import Path

    from bench.records import Record

SUITE = """
name = "tiny"
description = "One epoch."
datasets = ["synthetic"]
[methods.majority]
[methods.midibert]
width = 16
layers = 1
heads = 2
embedding = 4
max_length = 40
epochs = 1
lr = 1e-2
[methods.mt-midibert]
extends = "midibert"
tasks = ["key", "velocity"]
[methods.midigpt]
width = 16
layers = 1
heads = 2
max_length = 64
epochs = 1
lr = 1e-2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    (folder / "tiny.toml").write_text(SUITE)
    return folder


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    """What `bench run` makes of the cell whose network is kept."""
    (cell,) = plan(load_suite(str(folder / "tiny.toml")), method="mt-midibert", seeds=[3])
    record = run_cell(cell, silent)
    Store(folder / "results").write(cell, record)
    return record


@pytest.fixture(scope="module")
def network(folder: Path, record: Record) -> Path:
    """A network made by the command, which finds the record beside it."""
    path = folder / "network.safetensors"
    result = finetune(folder, "mt-midibert", "--seed", "3", "-o", path)
    assert result.exit_code == 0, result.exception
    assert "its predictions are those in" in result.output
    assert f"{100 * record.scores.accuracy:.2f} %" in result.output
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def finetune(folder: Path, method: str, *arguments: object) -> Any:
    suite = ("--suite", folder / "tiny.toml", "--results", folder / "results")
    return run("finetune", method, "--dataset", "synthetic", *suite, *arguments)


def piece(path: Path, n_notes: int = 8, pitch: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    notes = [SmfNote(240 * i, 240 * i + 200, pitch + i % 5, 64) for i in range(n_notes)]
    path.write_bytes(smf_bytes([notes]))
    return path


def test_a_network_that_was_kept_answers_as_the_cells_record_has_it(
    network: Path, record: Record
) -> None:
    tuned = load_finetuned(network)
    paths = {clip.id: clip.path for clip in load_dataset("synthetic").test}
    files = [paths[prediction.clip] for prediction in record.predictions]
    guesses = list(guess_files(tuned.method, files, pytest.fail))
    assert [list(guess.p) for guess in guesses] == [p.p for p in record.predictions]
    assert [guess.segments for guess in guesses] == [
        len(p.segments or ()) for p in record.predictions
    ]
    assert max(guess.segments for guess in guesses) > 1
    assert tuned.name == "mt-midibert"
    assert tuned.method.tasks == ["key", "velocity"]
    assert tuned.card.scores == record.scores
    assert (tuned.card.key, tuned.card.seed) == (record.key, 3)
    assert tuned.card.ticks_per_beat == 480
    with scratch_folder(f"finetune-{record.key}") as scratch:
        assert scratch
        assert not scratch.exists()


def test_a_network_goes_to_the_device_of_who_asks(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    made = finetune(folder, "midibert", "--changes", "device=cpu", "-o", path)
    assert made.exit_code == 0, made.exception
    assert run("checkpoint", "info", path).exit_code == 0
    song = piece(tmp_path / "song.mid")
    assert run("predict", song, "--checkpoint", path, "--device", "cpu").exit_code == 0
    absent = run("predict", song, "--checkpoint", path, "--device", "cuda:99")
    assert "device cuda:99: there is no such GPU" in str(absent.exception)


@pytest.mark.parametrize("command", ["finetune", "predict"])
def test_a_place_that_cannot_be_written_is_told_before_the_work(
    folder: Path, network: Path, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NeuralMethod, "_predict", lambda *_: pytest.fail("it works"))
    monkeypatch.setattr(NeuralMethod, "fit", lambda *_, **__: pytest.fail("it works"))
    place = piece(tmp_path / "a.mid") / "below"
    if command == "finetune":
        told = finetune(folder, "midibert", "-o", place / "x.safetensors")
    else:
        told = run("predict", place.parent, "--checkpoint", network, "-o", place / "x.csv")
    assert "cannot be written" in str(told.exception)


def test_a_card_is_written_beside_the_network(
    network: Path, record: Record, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = network.with_suffix(".md").read_text()
    assert f"accuracy {100 * record.scores.accuracy:.2f} %" in page
    assert "--suite tiny.toml --seed 3" in page
    assert str(folder) not in page
    # A GPU that cannot compute is no matter here.
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("models.neural_method.lacks_for_kernels", lambda: "Triton")
    told = json.loads(run("checkpoint", "info", network).output)
    assert told["method"]["name"] == "mt-midibert"
    assert told["card"]["key"] == record.key


def test_the_card_shows_a_name_that_is_no_text(folder: Path, tmp_path: Path) -> None:
    suite, path = tmp_path / "\udcff.toml", tmp_path / "network.safetensors"
    suite.write_text((folder / "tiny.toml").read_text())
    made = run("finetune", "midibert", "--dataset", "synthetic", "--suite", suite, "-o", path)
    assert made.exit_code == 0, made.exception
    assert r"--suite '\udcff.toml'" in path.with_suffix(".md").read_text()
    assert r"--suite '\udcff.toml'" in load_finetuned(path).card.command


@pytest.mark.parametrize(("method", "longest"), [("midibert", 40), ("midigpt", 64)])
def test_a_network_that_began_with_a_longer_backbone_keeps_it(
    folder: Path, tmp_path: Path, method: str, longest: int
) -> None:
    settings = load_suite(str(folder / "tiny.toml")).settings(method, "synthetic")
    start, path = tmp_path / "start.safetensors", tmp_path / "network.safetensors"
    longer: Any = find_method(method).load()(**settings | {"max_length": 2 * longest})
    corpora = [
        {"name": "songs", "licence": "CC BY 4.0"},
        {"name": "more", "licence": "none"},
    ]
    save_checkpoint(longer.new_backbone(), start, {"corpora": corpora})
    made = finetune(folder, method, "--changes", f"start={start}", "-o", path)
    assert made.exit_code == 0, made.exception
    tuned = load_finetuned(path)
    assert tuned.method.network.backbone.config.max_length == 2 * longest
    assert tuned.card.start["checkpoint"] == "start.safetensors"
    page = path.with_suffix(".md").read_text()
    assert "learned from: songs (CC BY 4.0); more (none)" in page
    assert str(tmp_path) not in page + str(tuned.card)
    start.unlink()
    (long, cut) = guess_files(
        load_finetuned(path).method,
        [piece(tmp_path / "long.mid", 4 * longest), piece(tmp_path / "cut.mid", longest)],
        pytest.fail,
    )
    assert long.segments == (4 if method == "midibert" else 1)
    assert cut.segments == 1


def test_pieces_come_in_order_and_bad_files_stop_nothing(network: Path, tmp_path: Path) -> None:
    songs = tmp_path / "songs"
    for name in ("b.mid", "a/z.MIDI", "a/y.mid", "c.mid"):
        piece(songs / name)
    (songs / "bad.mid").write_text("no music")
    piece(songs / "silent.mid", 0)
    piece(songs / "two\nlines.mid")
    (songs / "notes.txt").write_text("not asked for")
    named = piece(tmp_path / "named.song")
    result = run("predict", named, songs, "absent.mid", "--checkpoint", network, "--json")
    assert result.exit_code == 1
    pieces = json.loads(result.stdout)["pieces"]
    found = ["a/y.mid", "a/z.MIDI", "b.mid", "c.mid", r"two\nlines.mid"]
    assert [row["file"] for row in pieces] == [str(named), *(str(songs / name) for name in found)]
    refused = result.stderr.splitlines()
    assert [line.split(": ", 2)[1] for line in refused] == [
        str(songs / "bad.mid"),
        str(songs / "silent.mid"),
        "absent.mid",
    ]
    assert "holds no note" in refused[1]


def test_table_csv_and_json_tell_the_same(network: Path, tmp_path: Path) -> None:
    piece(tmp_path / "one.mid")
    piece(tmp_path / "two.mid", 90, pitch=40)
    ask = ("predict", tmp_path, "--checkpoint", network)
    document = json.loads(run(*ask, "--json").stdout)
    assert document["network"]["method"] == "mt-midibert"
    assert document["network"]["dataset"]["name"] == "synthetic"
    for row in document["pieces"]:
        p = [row[quadrant] for quadrant in QUADRANTS]
        assert sum(p) == pytest.approx(1, abs=2e-4)
        assert row["quadrant"] == QUADRANTS[p.index(max(p))]
        assert row["valence"] == pytest.approx(p[0] + p[3])
        assert row["arousal"] == pytest.approx(p[0] + p[1])
        assert row["key"].split()[1] in ("major", "minor")
    assert [row["segments"] for row in document["pieces"]] == [1, 3]

    assert run(*ask, "-o", tmp_path / "out.json").exit_code == 0
    assert json.loads((tmp_path / "out.json").read_text()) == document
    assert run(*ask, "-o", tmp_path / "out.csv").exit_code == 0
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{k: str(v) for k, v in row.items()} for row in document["pieces"]]
    shown = run(*ask).output
    assert "test clips" in shown.splitlines()[0]
    assert [line.split()[1] for line in shown.splitlines()[2:]] == [row["quadrant"] for row in rows]


def test_score_counts_hits_beside_the_networks_own(
    network: Path, record: Record, tmp_path: Path
) -> None:
    for i in range(5):
        piece(tmp_path / f"{i}.mid", 10 + i, pitch=40 + 5 * i)
    ask = (tmp_path, "--checkpoint", network)
    quadrants = [
        row["quadrant"] for row in json.loads(run("predict", *ask, "--json").stdout)["pieces"]
    ]
    (tmp_path / "bad.mid").write_text("no music")
    target = quadrants[0]
    result = run("score", *ask, "--target", target.lower(), "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["hits"]["count"] == quadrants.count(target)
    assert told["called"] == {q: quadrants.count(q) for q in QUADRANTS}
    assert told["left_out"] == 1
    shown = run("score", *ask, "--target", target).stdout
    assert f"{quadrants.count(target)} of 5" in shown
    assert f"right on {100 * record.scores.accuracy:.1f} % of its 64 test clips" in shown
    assert f"of the test clips that are {target} it calls" in shown
    nothing = run("score", tmp_path / "bad.mid", "--checkpoint", network, "--target", "Q1")
    assert isinstance(nothing.exception, WorkError)
    output = tmp_path / "kept.csv"
    output.write_text("of another day\n")
    nothing = run("predict", tmp_path / "bad.mid", "--checkpoint", network, "-o", output)
    assert isinstance(nothing.exception, WorkError)
    assert output.read_text() == "of another day\n"


def test_the_yardstick_is_hits_and_false_alarms_on_the_test_clips(record: Record) -> None:
    of_target, of_others = yardstick(record.scores, 2)
    said = [(p.label == 2, int(np.argmax(p.p)) == 2) for p in record.predictions]
    assert of_target == Share(sum(true and called for true, called in said), 16)
    assert of_others == Share(sum(called and not true for true, called in said), 48)


def test_what_is_no_network_is_refused(
    folder: Path, network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = piece(tmp_path / "song.mid")
    backbone, cut = tmp_path / "backbone.safetensors", tmp_path / "cut.safetensors"
    settings = load_suite(str(folder / "tiny.toml")).settings("midibert", "synthetic")
    save_checkpoint(find_method("midibert").load()(**settings).new_backbone(), backbone)  # type: ignore[attr-defined]
    cut.write_bytes(network.read_bytes()[:-100])
    for arguments, says in [
        (("predict", song, "--checkpoint", backbone), "knows no emotion"),
        (("predict", song, "--checkpoint", cut), "or a damaged one"),
        (("predict", song, "--checkpoint", "no.safetensors"), "cannot be read"),
        (("predict", song, "--checkpoint", network, "--method", "midigpt"), "not of midigpt"),
        (("predict", song, "--checkpoint", network, "-o", "x.txt"), "ends in .csv or .json"),
        (("predict", song, "--method", "midibart"), "did you mean 'midibert'"),
        (("predict", song, "--method", "midigpt"), "no fine-tuned midigpt is shipped"),
        (
            ("predict", song, "--method", "majority"),
            "majority: has no network to ask: say --method mt-midibert or --checkpoint FILE",
        ),
    ]:
        result = run(*arguments)
        assert isinstance(result.exception, UserError), arguments
        assert says in str(result.exception)
        assert "\n" not in str(result.exception)
    monkeypatch.setattr("bench.cli.data.fetch_missing", lambda _: pytest.fail("it fetches"))
    for arguments, says in [
        (("mt-midibert", "--changes", f"start={network}"), "not a backbone to start from"),
        (("majority",), "majority: has no network"),
        (("midibart",), "did you mean 'midibert'"),
        (("midibert", "-o", tmp_path / "x.pt"), "ends with .safetensors"),
        (("midibert", "-o", tmp_path / "\udcff.safetensors"), "has to be valid UTF-8"),
    ]:
        result = finetune(folder, *arguments)  # type: ignore[arg-type]
        assert isinstance(result.exception, UserError), arguments
        assert says in str(result.exception)


@pytest.mark.parametrize("seed", ["1000000", "9" * 20, "-1"])
def test_a_seed_that_is_none_is_refused(seed: str) -> None:
    result = run("finetune", "midibert", "--seed", seed)
    assert result.exit_code == 2
    assert "is not in the range 0<=x<=999999" in result.output


def test_a_file_cannot_pass_for_another_method_or_larger_than_it_is(
    network: Path, tmp_path: Path
) -> None:
    path, metadata = tmp_path / "made-up.safetensors", read_metadata(network)
    majority = {"name": "majority", "version": 1, "encoding": "", "settings": {}}
    sizes = json.loads(metadata["config"]) | {"width": 10**7, "inner": 10**8}
    card = json.loads(metadata["card"])
    for changes, says in [
        ({"method": json.dumps(majority)}, "majority: has no network"),
        ({"method": "[]"}, "or a damaged one"),
        ({"config": json.dumps(sizes)}, "or a damaged one"),
        ({"card": "{}"}, "or a damaged one"),
        *(
            ({"card": json.dumps(card | {"ticks_per_beat": ticks})}, "or a damaged one")
            for ticks in (0, -384, 1 << 15, "384")
        ),
    ]:
        write_weights(path, read_weights(network), metadata | changes)
        with pytest.raises(UserError, match=says):
            load_finetuned(path)


def test_a_network_of_another_version_of_its_method_is_refused(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = find_method("mt-midibert")
    newer = type(entry)(entry.name, entry.module, entry.attribute, entry.version + 1, start="x:{}")
    monkeypatch.setattr("models.checkpoints.finetuned.find_method", lambda _: newer)
    with pytest.raises(UserError, match="another version of mt-midibert: make it anew"):
        load_finetuned(network)


def test_a_network_that_is_shipped_is_found_by_its_method(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.checkpoints._SHIPPED", tmp_path)
    with pytest.raises(UserError, match="`bench finetune mt-midibert --dataset emopia`"):
        find_finetuned("mt-midibert")
    place = tmp_path / "mt-midibert-emopia.safetensors"
    place.write_bytes(network.read_bytes())
    assert is_finetuned(place)
    assert find_finetuned("mt-midibert") == place
    assert run("predict", piece(tmp_path / "song.mid")).exit_code == 0


def test_what_is_shipped_is_described_by_its_name(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("midibert-lite", "midigpt-lite", "mt-midibert-emopia"):
        assert json.loads(run("checkpoint", "info", name).stdout)["file"] == f"{name}.safetensors"
    (tmp_path / "midibert-lite").write_bytes(network.read_bytes())
    assert json.loads(run("checkpoint", "info", "midibert-lite").stdout)["file"] == "midibert-lite"
    for name, says in [
        ("midibart-lite", "unknown checkpoint 'midibart-lite': did you mean 'midibert-lite'?"),
        ("no.safetensors", "no.safetensors: cannot be read"),
        ("no/midibert-lite", "no/midibert-lite: cannot be read"),
    ]:
        assert says in str(run("checkpoint", "info", name).exception)
