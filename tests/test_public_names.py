"""The names that `from deelish import *` gives, which are imported when they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import deelish

STUB = Path(deelish.__file__).with_suffix(".pyi")


def test_importing_the_package_imports_none_of_its_parts():
    code = "import sys, deelish; print([name for name in sys.modules if 'numpy' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_name_of_the_stub_is_there_and_comes_with_the_star():
    given: dict[str, object] = {}
    exec("from deelish import *", given)
    stated = {
        alias.asname: node.module
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {"Deel", "InputBatch", "BatchTrain", "Teacher", "Student", "CNN"} <= set(stated)
    assert set(given) - {"__builtins__"} == set(stated) == set(dir(deelish))
    for name in stated:
        assert given[name] is getattr(deelish, name)


def test_a_name_that_is_not_there_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="Techer"):
        deelish.Techer  # noqa: B018
