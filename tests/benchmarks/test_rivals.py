"""The benchmark beside other tools counts lines as it says, and its networks are deelish's."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch

from deelish import *
from deelish.networks import GoogLeNet, NetworkInNetworkCIFAR10

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def module(path):
    """A script of the benchmarks, as a module."""
    spec = spec_from_file_location(f"benchmark_{path.stem}", path)
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


PYTHON = '''"""A docstring
of two lines."""

import math  # counts


# A comment.
def area(r):
    """A docstring."""
    text = """a string
that is code"""
    return (
        math.pi * r**2,

        text,
    )
'''
YAML = "# A comment.\na: 1\n\nb:\n  # Another.\n  c: '#2'\n"


def test_only_lines_of_code_count():
    driver = module(FOLDER / "rivals.py")
    assert driver.python_lines(PYTHON) == 8
    assert driver.python_lines("") == 0
    assert driver.yaml_lines(YAML) == 3


def test_a_list_holds_the_first_images_of_each_class(tmp_path):
    lines = [f"train/{number}.jpg {number % 10}\n" for number in range(40)]
    (tmp_path / "train.txt").write_text("".join(lines))
    (tmp_path / "work").mkdir()
    made = module(FOLDER / "rivals.py").first_of_each(tmp_path, "train.txt", 20, tmp_path / "work")
    assert made.read_text() == "".join(f"{tmp_path}/{line}" for line in lines[:20])


@pytest.mark.parametrize(
    ("name", "made"),
    [("GoogLeNet", lambda: GoogLeNet(labels=10, in_size=96)), ("NIN", NetworkInNetworkCIFAR10)],
)
def test_the_networks_of_the_others_give_the_logits_of_deelishs(tmp_path, name, made):
    networks = module(FOLDER / "rivals" / "networks.py")
    with Deel(seed=1):
        ours = made()
        path = ours.save(tmp_path / "network.safetensors")
        x = np.random.default_rng(0).normal(0, 70, ours.plan.inputs["data"]).astype(np.float32)
        (expected,) = ours.run({"data": x}, ours.plan.logits).values()
    theirs = networks.load(getattr(networks, name)(), path).eval()
    with torch.no_grad():
        logits = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(logits, expected.reshape(1, 10), atol=1e-4)
