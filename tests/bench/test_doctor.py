from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING

import pytest

from bench import datasets, doctor, extractors, registry
from bench.cli import main
from bench.doctor import Finding
from bench.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path


class Ailing:
    """An extractor that lacks its program."""

    columns = ("a", "b")

    def check(self) -> list[Finding]:
        return [Finding("its program", "absent", "install it")]


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMER_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SMER_BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SMER_BENCH_MIRROR", raising=False)
    monkeypatch.setattr(extractors, "extractor_names", lambda: ("ailing",))
    monkeypatch.setattr(extractors, "load_extractor", lambda _: Ailing())


def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def test_tells_what_to_do_about_what_is_absent(tmp_path: Path) -> None:
    found = findings()
    assert found["Python"].status == found["torch"].status == "present"
    assert found["emopia"] == Finding("emopia", "absent", "bench data fetch emopia")
    assert found["mirror"].status == "absent"
    assert found["its program"] == Finding("its program", "absent", "install it")
    assert list(tmp_path.iterdir()) == []  # looking changes nothing


def test_finds_the_archives_of_a_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMER_BENCH_MIRROR", str(tmp_path))
    assert findings()["mirror"].text == f"{tmp_path}: archives of nothing"
    (tmp_path / "EMOPIA_2.2.zip").touch()
    assert findings()["mirror"].text == f"{tmp_path}: archives of emopia"


@pytest.mark.parametrize(
    ("variable", "name"), [("SMER_BENCH_CACHE", "cache folder"), ("SMER_BENCH_MIRROR", "mirror")]
)
def test_what_does_not_work_makes_the_exit_code_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    name: str,
) -> None:
    main_succeeds()
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    monkeypatch.setenv(variable, str(in_the_way / "folder"))
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert ended.value.code == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("!!")]
    assert name in line
    assert variable in line


def main_succeeds() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor"])
    assert not ended.value.code


def test_what_fails_in_other_packages_is_broken_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(*_: object) -> list[Finding]:
        raise RuntimeError("a stranger's mistake")

    points = [
        EntryPoint("mine", "one_package:load", datasets.GROUP),
        EntryPoint("mine", "another_package:load", datasets.GROUP),
    ]
    monkeypatch.setattr(Ailing, "check", fails)
    known = registry.entry_points

    def entry_points(group: str) -> list[EntryPoint]:
        return points if group == datasets.GROUP else list(known(group=group))

    monkeypatch.setattr(registry, "entry_points", entry_points)
    found = findings()
    assert found["ailing"].text == "extractor 'ailing' failed: RuntimeError: a stranger's mistake"
    assert found["mine"].text.startswith("two packages bring a dataset 'mine', one_package:load")
    assert (found["ailing"].status, found["mine"].status) == ("broken", "broken")
    assert found["synthetic"].status == "present"
    assert found["methods"].status == "present"


def test_an_extractor_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str) -> Ailing:
        raise UserError(f"extractor {name!r}: cannot be imported")

    monkeypatch.setattr(extractors, "load_extractor", load)
    assert findings()["ailing"].status == "broken"


def test_a_torch_that_cannot_be_loaded_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "ours" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise OSError('libcudart.so: cannot open\\nmore')")
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr("bench.doctor.Path.exists", lambda _: True)  # a device, among others
    found = findings()
    assert found["GPU"].status == "broken"
    assert "OSError: libcudart.so: cannot open; see" in found["GPU"].text
    assert found["synthetic"].status == "present"
