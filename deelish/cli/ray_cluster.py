"""A cluster of Ray: connected to, and each node asked whether it has the same packages."""

from __future__ import annotations

import os
import socket
from importlib.metadata import version
from typing import Any

from deelish.errors import EngineError, MissingPackageError, first_line
from deelish.version import __version__

# Which cluster; how many processes train there, and whether each has a GPU.
OPTION, WORKERS, GPUS = "--ray", "--workers", "--gpus"
# The address of a cluster that is started here, of this machine alone.
LOCAL = "local"
# Seconds after which it is looked whether the cluster can compute anything at all.
PATIENCE = 60


def versions() -> dict[str, str]:
    """In a worker: what must be the same everywhere."""
    return {"deelish": __version__, "torch": version("torch")}


def started(address: str) -> Any:
    """Ray, connected to a cluster."""
    # Else it reports its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingPackageError(
            f"{OPTION}: needs the package ray; `pip install deelish[ray]`"
        ) from None
    where = {} if address == LOCAL else {"address": address}
    try:
        _check_port(address)
        ray.init(**where, log_to_driver=False, include_dashboard=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        raise EngineError(
            f"{OPTION} {address}: no cluster is there ({first_line(error)}); start one with `ray"
            f" start --head`, or give {LOCAL} for this machine alone"
        ) from error
    return ray


def _check_port(address: str) -> None:
    """Raise OSError where nobody listens, which Ray itself would wait for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), PATIENCE).close()


def check_nodes(ray: Any) -> None:
    """Refuse a node whose deelish or PyTorch is missing, or is another one."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ours = versions()
    ask = ray.remote(num_cpus=0, max_retries=0)(versions)
    for node in ray.nodes():
        if not node["Alive"]:
            continue
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        name = node["NodeManagerHostname"]
        try:
            theirs = ray.get(ask.options(scheduling_strategy=there).remote(), timeout=PATIENCE)
        except ray.exceptions.RayError as error:
            raise EngineError(
                f"node {name}: cannot compute ({first_line(error.__cause__ or error)}); install"
                f" deelish {ours['deelish']} there"
            ) from error
        for package, here in ours.items():
            if theirs[package] != here:
                raise EngineError(
                    f"node {name}: has {package} {theirs[package]}, where {here} is here;"
                    " install the same everywhere"
                )
