"""What pip installs from the source distribution, with the source tree out of the way."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# What setuptools reads, and what the package is made of.
SOURCES = (
    "pyproject.toml",
    "setup.py",
    "MANIFEST.in",
    "README.md",
    "LICENSE",
    "deelish",
    "networks",
)
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
# The modules, data and command of the package, from where it was installed.
USES = """
import sys
from pathlib import Path
import deelish
place = Path(sys.argv[1])
assert Path(deelish.__file__).is_relative_to(place), deelish.__file__
from deelish import *
from deelish.networks import NetworkInNetworkCIFAR10
with Deel(seed=0):
    net = NetworkInNetworkCIFAR10(labels=10)
    net.save("net.hdf5")
    print(Network.load("net.hdf5").parameters)
from deelish.cli.page.app import ASSETS, FILES
assert all((ASSETS / name).is_file() for name, _ in FILES.values())
"""


def run(folder, *command, **more):
    """What a command prints; it must succeed."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | more
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that holds the package as it was installed from its source distribution."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        run(source, "cp", "-RP", str(ROOT / name), name)
    run(source, sys.executable, "-c", BUILD, "dist")
    (archive,) = (source / "dist").glob("*.tar.gz")
    place = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--target", str(place))
    run(source, sys.executable, "-m", "pip", "install", *options, str(archive))
    with tarfile.open(archive) as found:
        names = found.getnames()
    assert not [name for name in names if "/tests/" in name]
    return place


def test_the_package_is_whole(installed, tmp_path):
    pytest.importorskip("starlette", reason="the package starlette is not installed")
    more = {"PYTHONPATH": str(installed), "PYTHONNOUSERSITE": "1"}
    printed = run(tmp_path, sys.executable, "-c", USES, str(installed), **more)
    assert int(printed.splitlines()[-1]) > 100_000


def test_its_command_runs(installed, tmp_path):
    more = {"PYTHONPATH": str(installed)}
    printed = run(tmp_path, sys.executable, str(installed / "bin" / "deelish"), "models", **more)
    assert "bvlc_googlenet.caffemodel" in printed
