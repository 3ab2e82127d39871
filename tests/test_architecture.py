"""The arrows of ARCHITECTURE.md, and what importing may cost."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: package -> packages of this project that it must never import
FORBIDDEN = {
    "bench": {"baselines", "models"},
    "baselines": {"models"},
    "models": {"baselines"},
}
#: A report reads records: it neither runs methods nor reads data, with no module of these.
FORBIDDEN_IN_REPORT = {
    "bench.datasets",
    "bench.execution",
    "bench.executors",
    "bench.running",
    "bench.clips",
    "bench.midi",
    "bench.derived",
    "bench.site",
}
HEAVY = {"torch", "pandas", "sklearn", "music21", "matplotlib", "transformers", "scipy", "numpy"}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            found |= {node.module or ""}
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(name: str) -> set[str]:
    """The name, and all that it lies in."""
    parts = name.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts) + 1)}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_packages_keep_to_their_arrows(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        tops = {name.partition(".")[0] for name in imports(file)}
        assert not tops & FORBIDDEN[package], file


def test_reports_read_records_only() -> None:
    files = sorted((ROOT / "bench" / "report").rglob("*.py"))
    assert files
    for file in files:
        found = {above for name in imports(file) for above in packages(name)}
        assert not found & FORBIDDEN_IN_REPORT, file


def test_importing_a_report_imports_nothing_that_it_must_not_know() -> None:
    files = sorted((ROOT / "bench" / "report").rglob("*.py"))
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)
    assert not modules_after(f"import {', '.join(names)}") & FORBIDDEN_IN_REPORT


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    loaded = modules_after("from bench.cli import cli\ncli.main(['--help'], standalone_mode=False)")
    assert "bench.cli" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("words", ["run --method m", "predict --method m", "finetune --dataset e"])
def test_completion_loads_nothing_heavy(words: str) -> None:
    code = (
        "import os\nos.environ['_BENCH_COMPLETE'] = 'bash_complete'\n"
        f"os.environ.update(COMP_WORDS='bench {words}', COMP_CWORD='3')\n"
        "from bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    loaded = modules_after(code)
    assert "bench.registry" in loaded
    assert not loaded & (HEAVY - {"numpy"})


def test_importing_the_packages_changes_nothing_global() -> None:
    code = """
import logging, os
import numpy as np
def state():  # scikit-learn sets KMP_ variables of its own when it is loaded
    return (np.random.get_state()[1].tolist(), list(logging.getLogger().handlers),
            {k: v for k, v in os.environ.items() if not k.startswith("KMP_")})
before = state()
import bench.cli, bench.running, bench.registry
for entry in bench.registry.methods().values():
    entry.load()
assert before == state()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


def test_the_three_packages_are_installed_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert "benchmarks" in folders
    taken = {name for name in folders if any(fnmatchcase(name, p) for p in patterns)}
    assert taken == {"bench", "baselines", "models"}
