"""The register of families: a file in networks/ is all that a new one takes."""

import ast
import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import deelish
from deelish import Deel, networks
from deelish.errors import DataError, PlanError
from deelish.networks import FAMILIES, GoogLeNet, NetworkInNetwork, Perceptron, SqueezeNet
from deelish.networks.register import network

TINY = """
from deelish.networks.family import Card, Family
from deelish.networks.register import network
from deelish.plan import Layer


def rows(outputs, size):
    return [Layer("score", "InnerProduct", num_output=outputs), Layer("prob", "Softmax")]


@network("tiny")
class TinyNet(Family):
    weights = Card(name="tiny-8", family="TinyNet", rows=rows, paper="none", size=8, file="t.hdf5")
"""
USE = """
from deelish.cli import main
from deelish.networks import CARDS, FAMILIES, TinyNet

assert FAMILIES["tiny"] is TinyNet
print(TinyNet(labels=3))
main(["models"])
"""
OLD_SCRIPT = "from deel.network.tiny import *\nprint(TinyNet.__name__, 'in the old script')\n"


def test_a_file_is_all_that_a_family_takes(tmp_path):
    here = Path(deelish.__file__).parent
    shutil.copytree(here, tmp_path / "deelish", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "deelish" / "networks" / "tinynet.py").write_text(TINY)
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "old.py").write_text(OLD_SCRIPT)

    def run(*command):
        command = [sys.executable, *command]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.stdout

    lines = run("-c", USE).splitlines()
    assert lines[0].startswith("TinyNet: 3 x 8 x 8 BGR -> 3 classes | 579 parameters")
    assert any(line.startswith("tiny-8 ") and " TinyNet " in line for line in lines)
    assert run("-m", "deelish", "run", "old.py") == "TinyNet in the old script\n"


def test_what_type_checkers_read_is_what_runs():
    tree = ast.parse(Path(networks.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        for name in node.names:
            assert getattr(networks, name.name).__module__ == node.module
            assert getattr(networks, name.name) in FAMILIES.values()


def test_a_name_is_registered_once():
    with pytest.raises(PlanError, match="'googlenet' is registered already; choose another name"):
        network("googlenet")(Perceptron)
    assert FAMILIES["googlenet"] is GoogLeNet
    before = dict(FAMILIES)
    with pytest.raises(PlanError, match=r"'squeezenet1\.0' is registered already"):
        network("squeezenet_too")(SqueezeNet)
    assert before == FAMILIES


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_only_modelpath_is_positional(family):
    _, first, *others = inspect.signature(family.__init__).parameters.values()
    assert first.name == "modelpath"
    assert [other.name for other in others][:4] == ["labels", "in_size", "outputs", "dropout"]
    assert {other.kind for other in others} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize("family", [GoogLeNet, NetworkInNetwork, Perceptron, SqueezeNet])
@pytest.mark.parametrize(
    ("given", "shown", "cure"),
    [
        (10, "10", "for 10 classes give labels=10"),
        ("a/labels.txt", "'a/labels.txt'", "for the classes that it names give labels='a/labels.t"),
        (["cat", "dog"], "['cat', 'dog']", "for classes of these names give labels=[...]"),
        (0.5, "0.5", "give its path"),
    ],
)
def test_labels_in_the_place_of_modelpath_are_refused(family, given, shown, cure):
    with Deel(), pytest.raises(DataError) as error:
        family(given)
    assert str(error.value).startswith(
        f"{family.__name__}({shown}): the first argument is modelpath, a file of weights; {cure}"
    )
