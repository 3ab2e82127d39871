"""The command line, as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from bench.cli import cli
from bench.datasets import load_dataset

SUITE = """
name = "quick"
description = "No training to speak of."
datasets = ["synthetic"]
seeds = 2
[methods.majority]
[methods.key-mode]
[methods.midibert]
width = 16
layers = 1
heads = 1
embedding = 4
epochs = 1
max_length = 32
[methods.mt-midibert]
extends = "midibert"
tasks = ["key", "velocity"]
"""


def bench(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from bench.cli import main; main()", *arguments]
    env = os.environ | variables
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "quick.toml").write_text(SUITE)
    odd = SUITE.replace('name = "quick"', 'name = "odd"').replace('["key", "velocity"]', "3")
    (tmp_path / "odd.toml").write_text(odd)
    return tmp_path


def test_run_plan_show_and_board_on_one_folder(folder: Path) -> None:
    planned = bench("plan", "--suite", "quick.toml", cwd=folder)
    assert planned.stdout.splitlines()[-1].startswith("6 cells to run")
    first = bench("run", "--suite", "quick.toml", "--method", "majority", cwd=folder)
    assert (first.returncode, "1 executed, 0 done already, 0 failed" in first.stdout) == (0, True)
    again = bench("run", "--suite", "quick.toml", "--method", "majority", cwd=folder)
    assert again.stdout == "all 1 cells are done; 0 executed\n"
    assert again.returncode == 0
    shown = bench("show", "quick/synthetic/majority", cwd=folder)
    assert "25.0" in shown.stdout
    plain = bench("show", "quick/synthetic/majority", cwd=folder, PYTHONIOENCODING="ascii")
    assert (plain.returncode, plain.stderr) == (0, "")
    assert "? Q1" in plain.stdout, "there is no arrow in ASCII"
    board = bench("leaderboard", cwd=folder)
    assert board.returncode == 0
    assert "majority" in (folder / "leaderboard.md").read_text()
    assert bench("leaderboard", "--check", cwd=folder).returncode == 0
    (folder / "leaderboard.md").write_text("# mine\n")
    checked = bench("leaderboard", "--check", cwd=folder)
    assert checked.returncode == 1
    assert "-# mine" in checked.stdout


def test_a_second_run_loads_no_data(folder: Path) -> None:
    bench("run", "--suite", "quick.toml", "--method", "majority", cwd=folder)
    code = (
        "import sys\nfrom bench.cli import main\n"
        "main(['run', '--suite', 'quick.toml', '--method', 'majority'])\n"
    )
    guard = (
        "import bench.midi\nimport bench.datasets as d\n"
        "def refuse(*_, **__): raise SystemExit('data were loaded')\n"
        "bench.midi.parse_midi = d.load_dataset = refuse\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", guard + code],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert "0 executed" in done.stdout
    assert "data were loaded" not in done.stderr


def test_ablation_runs_all_subsets_once(folder: Path) -> None:
    done = bench(
        *("ablate", "--tasks", "velocity,key", "--suite", "quick.toml", "--dataset", "synthetic"),
        *("--seeds", "0", "-j", "1"),
        cwd=folder,
    )
    assert "4 executed" in done.stdout, done.stderr
    found = sorted(p.parent.name for p in folder.glob("results/quick/synthetic/*/seed-0.json"))
    assert found == ["midibert", "midibert+tasks=key", "midibert+tasks=velocity", "mt-midibert"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "unknown command 'rum': did you mean 'run'"),
        (["run"], "say what to run: --all"),
        (["run", "--metod", "x"], "Did you mean '--method'? (see `bench run --help`)"),
        (["ls"], "Choose from: methods, datasets, suites (see `bench ls --help`)"),
        (["data", "fetsh"], "no such command 'fetsh'. Did you mean 'fetch'?"),
        (["run", "--all", "--suite", "smok"], "unknown suite 'smok': did you mean 'smoke'"),
        (["run", "--method", "midibart", "--suite", "smoke"], "did you mean 'midibert'"),
        (["run", "--all", "--suite", "smoke", "--seeds", "x"], "--seeds 'x': write seeds like"),
        (["run", "--all", "--suite", "smoke", "--changes", "x"], "--changes 'x': write key=value"),
        (["run", "--all", "--suite", "absent.toml"], "absent.toml: cannot be read"),
        (["ablate", "--tasks", "keys", "--suite", "smoke"], "did you mean 'key'"),
        (
            ["plan", "--method", "key-mode", "--changes", "deep=1"],
            "unknown setting of key-mode 'deep'",
        ),
        (["ablate", "--tasks", "key", "--method", "mt-midibert"], "mt-midibert has tasks already"),
        (
            ["ablate", "--tasks", "key", "--suite", "odd.toml"],
            "suite odd: methods.mt-midibert.tasks = 3: write a list of names",
        ),
        (["plan", "--seeds", ""], "--seeds '': write seeds like"),
        (["plan", "--dataset", "emopa"], "did you mean 'emopia'"),
        (["data", "fetch", "emopa"], "did you mean 'emopia'"),
        (["data", "export", "synthetic", "--what", "keys", "-o", "x"], "did you mean 'key'"),
        (["data", "export", "emopia", "--what", "key", "-o", "quick.toml/x"], "cannot be written"),
        (["inspect", "absent.mid"], "absent.mid: cannot be read"),
        (["show", "lite/emopia/nothing"], "nothing"),
        (["leaderboard", "--results", "x" * 5000], "File name too long"),
    ],
)
def test_a_mistake_costs_one_line_and_exit_code_2(
    folder: Path, arguments: list[str], message: str
) -> None:
    done = bench(*arguments, cwd=folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert sorted(p.name for p in folder.iterdir()) == ["odd.toml", "quick.toml"]


@pytest.mark.parametrize(
    "words",
    [
        "run --method majority --method key-mode",
        "run --suite smoke --suite lite",
        "plan --dataset emopia --dataset vgmidi",
        "plan --seeds 0 --seeds 1",
        "run --gpus 0 --gpus 1",
        "leaderboard --results a --results b",
        "ablate --tasks key --tasks velocity",
        "ablate --tasks key --method midibert --method midigpt",
        "data export synthetic --what key --what cp -o x",
        "evaluate x.csv --dataset emopia --dataset vgmidi",
        "evaluate lite/emopia/midibert --suite lite --suite paper",
        "features . --features P-* --features R-*",
        "score . --target Q1 --target Q2",
        "predict . --method midibert --method midigpt",
        "predict . --checkpoint a --checkpoint b",
        "finetune midibert --dataset emopia --dataset vgmidi",
        "finetune midibert --seed 0 --seed 1",
    ],
)
def test_of_values_for_one_none_is_dropped(words: str) -> None:
    arguments = words.split()
    twice = next(word for word in arguments if word[:2] == "--" and arguments.count(word) == 2)
    outcome = CliRunner().invoke(cli, arguments)
    assert outcome.exit_code == 2
    assert f"{twice} is given 2 times: write one {twice} " in outcome.output


def test_a_wrong_setting_in_a_suite_is_told_before_the_work(folder: Path) -> None:
    (folder / "wrong.toml").write_text(SUITE.replace("epochs = 1", "epoch = 1"))
    done = bench("run", "--all", "--suite", "wrong.toml", cwd=folder)
    assert done.returncode == 2
    assert "did you mean 'epochs'" in done.stderr
    assert not (folder / "results").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk to write to")
def test_a_full_disk_is_told_in_a_line(folder: Path) -> None:
    command = [sys.executable, "-c", "from bench.cli import main; main()", "ls", "methods"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=folder, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "bench: cannot write: No space left on device\n"


def test_a_wrong_setting_and_a_wrong_folder_are_told_before_the_work(folder: Path) -> None:
    done = bench(
        *("run", "--suite", "quick.toml", "--method", "midibert", "--changes", "epoch=3"),
        cwd=folder,
    )
    (line,) = done.stderr.splitlines()
    assert (done.returncode, "did you mean 'epochs'" in line) == (2, True)
    (folder / "results").write_text("a file")
    done = bench("run", "--suite", "quick.toml", "--method", "majority", cwd=folder)
    assert done.returncode == 2


def test_a_failed_cell_gives_exit_code_1_and_can_be_retried(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMER_BENCH_JSYMBOLIC", raising=False)
    suite = (folder / "quick.toml").read_text()
    (folder / "bad.toml").write_text(suite + '[methods.svm-lin]\nextractor = "jsymbolic"\n')
    run = ("run", "--suite", "bad.toml", "--method", "[ms][av]*", "--seeds", "0", "-j", "1")
    done = bench(*run, cwd=folder)
    assert done.returncode == 1
    assert "SMER_BENCH_JSYMBOLIC" in done.stderr
    assert "1 executed, 0 done already, 1 failed" in done.stdout
    again = bench(*run, "--retry-failed", cwd=folder)
    assert "0 executed, 1 done already, 1 failed" in again.stdout
    (record,) = (folder / "results").glob("quick/*/majority/seed-0.json")
    record.write_text(record.read_text().replace('"accuracy":', '"accuracy": 0.5, "was":', 1))
    broken = bench(*run, "--retry-failed", cwd=folder)
    assert broken.returncode == 1
    assert "left out: " in broken.stdout
    assert "0 executed, 1 done already, 1 failed" in broken.stdout


def test_inspect_and_export_tell_the_same(folder: Path) -> None:
    out = folder / "views.jsonl"
    what = "key,cp,velocity,performance"
    done = bench("data", "export", "synthetic", "--what", what, "-o", str(out), cwd=folder)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    clip = load_dataset("synthetic").train[0]
    row = next(row for row in rows if row["clip"] == clip.id)
    seen = json.loads(bench("inspect", str(clip.path), "--json", cwd=folder).stdout)
    assert all(row[name] == seen[name] for name in what.split(","))
    assert len(row["cp"]) == len(row["velocity"]) == seen["notes"]["count"] > 0
    assert -1 <= seen["key_correlation"] <= 1
    assert "beats" in bench("inspect", str(clip.path), cwd=folder).stdout


def test_inspect_names_a_corrupt_file(folder: Path) -> None:
    (folder / "bad.mid").write_bytes(b"MThd\x00\x00")
    done = bench("inspect", "bad.mid", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith("bench: bad.mid: not a readable MIDI file")


@pytest.mark.parametrize(
    ("words", "begun", "name"),
    [
        ("run --method", "major", "majority"),
        ("plan --suite", "sm", "smoke"),
        ("ablate --dataset", "emo", "emopia"),
        ("run --executor", "sl", "slurm"),
        ("data fetch vgmidi", "syn", "synthetic"),
        ("finetune", "mt-midib", "mt-midibert"),
        ("finetune midibert --dataset", "emo", "emopia"),
        ("pretrain", "mt-midib", "mt-midibert"),
        ("pretrain midibert --train-split", "emo", "emopia"),
        ("predict --method", "mt-midib", "mt-midibert"),
        ("score --method", "mt-midib", "mt-midibert"),
    ],
)
def test_names_are_completed(words: str, begun: str, name: str) -> None:
    assert completions(words, begun) == [name]


def test_methods_without_a_network_cannot_be_trained_to_keep_one() -> None:
    assert completions("finetune", "major") == []


def completions(words: str, begun: str) -> list[str]:
    found = ShellComplete(cli, {}, "bench", "_BENCH_COMPLETE").get_completions(words.split(), begun)
    return [item.value for item in found]


def test_lists() -> None:
    here = Path.cwd()
    assert "mt-midibert" in bench("ls", "methods", cwd=here).stdout
    assert "869 train, 114 valid, 88 test" in bench("ls", "datasets", cwd=here).stdout
    assert "lite" in bench("ls", "suites", cwd=here).stdout


def test_a_method_is_listed_with_its_settings() -> None:
    here = Path.cwd()
    told = bench("ls", "methods", "svm-lin", cwd=here)
    assert told.returncode == 0
    assert "in suites: lite, paper, smoke" in told.stdout
    assert "  dimensions = 521\n" in told.stdout
    assert bench("ls", "methods", "majority", cwd=here).stdout.endswith("no settings\n")
    wrong = bench("ls", "methods", "svm-lim", cwd=here)
    assert (wrong.returncode, "did you mean 'svm-lin'" in wrong.stderr) == (2, True)
    assert bench("ls", "suites", "lite", cwd=here).returncode == 2


def test_a_cache_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = bench(
        *("run", "--suite", "smoke", "--method", "key-mode"),
        cwd=tmp_path,
        SMER_BENCH_CACHE=str(tmp_path / "file" / "cache"),
    )
    assert done.returncode == 0, done.stderr
    assert "1 executed" in done.stdout
    assert done.stderr.count("each cell computes its own tokens and features") == 1
    assert "SMER_BENCH_CACHE names the folder to use instead" in done.stderr
