"""Nothing that came from elsewhere is run: no pickle, no eval, in all of the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FILES = sorted(
    file for package in ("bench", "baselines", "models", "benchmarks")
    for file in (ROOT / package).rglob("*.py")
)  # fmt: skip

#: Modules that run what they read. `pickletools` reads a pickle without running it.
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
MODULES |= {"yaml"}
#: What may be used of them all the same.
HARMLESS = {"pickle.UnpicklingError"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
#: Functions of other modules that do as well.
CALLS = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}


def problems(tree: ast.AST) -> Iterator[str]:
    """What a module does that might run what it was given."""
    for node in ast.walk(tree):
        found: Iterator[str] = iter(())
        if isinstance(node, ast.Import | ast.ImportFrom):
            found = _in_import(node)
        elif isinstance(node, ast.Attribute):
            found = _in_name(ast.unparse(node))
        elif isinstance(node, ast.Call):
            found = _in_call(node)
        yield from (f"{node.lineno}: {problem}" for problem in found)


def _in_import(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    for alias in node.names:
        module = node.module if isinstance(node, ast.ImportFrom) else None
        name = f"{module}.{alias.name}" if module else alias.name
        plain = name == "pickle" and not alias.asname  # is held to what is used of it
        if name.partition(".")[0] in MODULES and name not in HARMLESS and not plain:
            yield f"import of {name}"


def _in_name(name: str) -> Iterator[str]:
    if name.partition(".")[0] in MODULES and name not in HARMLESS:
        yield name
    if name in CALLS or name.endswith(".read_pickle"):
        yield name


def _in_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    options = {k.arg: k.value for k in call.keywords if k.arg}
    if name in BUILTINS:
        yield f"{name}()"
    if name == "torch.load" and not _is(options.get("weights_only"), value=True):
        yield "torch.load() without weights_only=True"
    if "allow_pickle" in options and not _is(options["allow_pickle"], value=False):
        yield "allow_pickle"
    if "shell" in options and not _is(options["shell"], value=False):
        yield "a shell"


def _is(node: ast.expr | None, *, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def test_the_source_runs_nothing_that_it_reads() -> None:
    assert len(FILES) > 100
    found = {
        str(file.relative_to(ROOT)): list(problems(ast.parse(file.read_text(encoding="utf-8"))))
        for file in FILES
    }
    assert {file: lines for file, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import pickle as p",
        "import dill",
        "from pickle import loads",
        "import pickle; pickle.load(file)",
        "from joblib import load",
        "eval(text)",
        "exec(text)",
        "yaml.load(file)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=chosen)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
    ],
)
def test_what_would_run_it_is_seen(line: str) -> None:
    assert list(problems(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "network.eval()",
        "import pickle\ntry:\n    pass\nexcept pickle.UnpicklingError:\n    pass",
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "re.compile(text)",
    ],
)
def test_what_does_not_is_let_be(line: str) -> None:
    assert not list(problems(ast.parse(line)))
