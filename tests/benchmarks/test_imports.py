"""What benchmarks, examples and data scripts import of deelish is there."""

import ast
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [
    path for folder in ("benchmarks", "examples", "data") for path in (ROOT / folder).rglob("*.py")
]


def imported(path):
    """(module, name) of each `from deelish... import name`, those within functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "deelish":
            yield from ((node.module, each.name) for each in node.names if each.name != "*")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_imported_names_are_there(path):
    missing = [
        f"{module}.{name}"
        for module, name in imported(path)
        if not hasattr(importlib.import_module(module), name)
        and importlib.util.find_spec(f"{module}.{name}") is None
    ]
    assert missing == []
