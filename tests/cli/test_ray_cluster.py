"""Nodes of a cluster without deelish, or with another one, are found before any work."""

import re
import sys
from types import ModuleType, SimpleNamespace

import pytest

from deelish.cli.ray_cluster import check_nodes, started, versions
from deelish.errors import EngineError, MissingPackageError


class LostError(Exception):
    """What this cluster raises where a node cannot answer."""


class Cluster:
    """As much of Ray as is asked: nodes by name, with the versions that each has, or an error."""

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self, **nodes):
        self._nodes = nodes

    def nodes(self):
        dead = {"NodeID": "dead", "NodeManagerHostname": "dead", "Alive": False}
        return [
            dead,
            *({"NodeID": n, "NodeManagerHostname": n, "Alive": True} for n in self._nodes),
        ]

    def remote(self, **options):
        return lambda function: self

    def options(self, scheduling_strategy):
        return SimpleNamespace(remote=lambda: scheduling_strategy)

    def get(self, node, timeout):
        found = self._nodes[node]
        if isinstance(found, Exception):
            raise LostError from found
        return found


@pytest.fixture(autouse=True)
def strategies(monkeypatch):
    module = ModuleType("ray.util.scheduling_strategies")
    module.NodeAffinitySchedulingStrategy = lambda node, soft: node
    for name in ("ray", "ray.util"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_the_same_everywhere_is_well():
    check_nodes(Cluster(one=versions(), two=versions()))


@pytest.mark.parametrize("package", ["deelish", "torch"])
def test_another_version_is_named_with_its_node(package):
    cluster = Cluster(one=versions(), two={**versions(), package: "0.0.1"})
    here = re.escape(f"{package} 0.0.1, where {versions()[package]} is here")
    with pytest.raises(
        EngineError,
        match=f"node two: has {here}; install the same everywhere",
    ):
        check_nodes(cluster)


def test_a_node_without_the_package_is_named():
    cluster = Cluster(one=versions(), two=ModuleNotFoundError("No module named 'deelish'"))
    with pytest.raises(
        EngineError,
        match=r"node two: cannot compute \(No module named 'deelish'\); install deelish 0",
    ):
        check_nodes(cluster)


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPackageError, match=r"--ray: needs the package ray; .*deelish\[ray"):
        started("local")
