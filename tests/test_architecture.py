"""The rules of the tree: unique names, a short top level, frameworks in engines/ alone."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def files_in(*folders: str) -> list[Path]:
    """The Python files of some folders, each once: deelish/networks is a link to networks/."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [path for path in found if ROOT / "deelish" / "networks" not in path.parents]


PACKAGE = files_in("deelish", "networks")
FRAMEWORKS = {"torch", "chainer", "cupy", "openvino", "ai_edge_litert", "executorch", "ncnn"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """The top-level packages that a file imports: in functions, for type hints and by name, too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0]
            case ast.Call(
                func=ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(str(module)), *_],
            ):
                yield module.partition(".")[0]


def test_imports_of_every_form_are_seen():
    code = (
        "import a.b\nfrom c.d import e\ndef f():\n    import g as h\n"
        "    import_module('i.j')\n    importlib.import_module('k')\n    __import__('l')"
    )
    assert set(imported(ast.parse(code))) == {"a", "c", "g", "i", "k", "l"}


def test_no_two_public_classes_share_a_name():
    places = defaultdict(list)
    for path in PACKAGE:
        for node in ast.walk(tree_of(path)):
            # A `Program` is what a process of its own looks for in the one file that it is given.
            known = isinstance(node, ast.ClassDef) and node.name != "Program"
            if known and not node.name.startswith("_"):
                places[node.name].append(name_of(path))
    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_the_top_level_has_at_most_four_modules():
    modules = sorted(path.name for path in (ROOT / "deelish").glob("*.py"))
    assert "__init__.py" in modules
    assert len(modules) <= 4, modules


def test_importing_deelish_imports_no_framework():
    lazy = (*sorted(FRAMEWORKS), "PIL", "matplotlib")
    code = f"import sys, deelish; print(*[name for name in {lazy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_engines_alone_import_frameworks():
    importing = {name_of(path) for path in PACKAGE if FRAMEWORKS & set(imported(tree_of(path)))}
    assert {name for name in importing if not name.startswith("deelish/engines/")} == set()
    assert len(importing) > 20


def test_every_file_begins_with_a_docstring():
    files = files_in("deelish", "networks", "benchmarks", "tests")
    assert [name_of(path) for path in files if not begins_with_a_docstring(path)] == []


def begins_with_a_docstring(path: Path) -> bool:
    return re.match(r'"""[^"\s]', path.read_text(encoding="utf-8")) is not None
