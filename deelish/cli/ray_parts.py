"""Parts of a teacher's pass as tasks of Ray, which tries one again where its worker dies."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from deelish.cli import parts
from deelish.common.printing import say
from deelish.errors import (
    DataError,
    DeelishError,
    EngineError,
    FileError,
    MissingPackageError,
    first_line,
)
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder
from deelish.storage.remote.address import Address, addressed
from deelish.version import __version__

# How often a part is tried again whose worker dies.
RETRIES = 3
# Seconds after which it is looked whether the cluster can compute anything at all.
PATIENCE = 60
# The address of a cluster that is started here, of this machine alone.
LOCAL = "local"
# The options that name a file or a folder, which each worker finds where the driver does.
_PATHS = ("--images", "--root", "--labels", "--prototxt")
# The pass of this worker process, which computes several parts: {its command line: it}.
_passes: dict[tuple[str, ...], parts.Pass] = {}


def spread(options: argparse.Namespace, words: Sequence[str]) -> int:
    """Compute all parts on a cluster; the exit code.

    Raises:
        DataError: `--parts` is missing.
        EngineError: no Ray, no cluster, or nodes with another deelish or none.
        FileError: parts are missing afterwards, or the workers write into another folder.
    """
    if options.parts is None:
        raise DataError(f"{parts.RAY}: spreads parts; say how many there are, {parts.PARTS} 1000")
    ray = _started(options.ray)
    try:
        _check_nodes(ray)
        _run(ray, options, _absolute(words, options.model))
    finally:
        ray.shutdown()
    return 0


def compute(words: Sequence[str], part: str, folder: str) -> tuple[str, list[Path]]:
    """In a worker: compute a part; the sentence that says why not, or "", and its files."""
    os.environ[FOLDER_VARIABLE] = folder
    known = tuple(words)
    try:
        if known not in _passes:
            _passes.clear()
            _passes[known] = parts.opened(words)
        return "", _passes[known].run(part)
    except DeelishError as error:
        return str(error), []


def versions() -> dict[str, str]:
    """In a worker: what must be the same everywhere."""
    return {"deelish": __version__, "torch": version("torch")}


def _started(address: str) -> Any:
    """Ray, connected to a cluster."""
    # Else it reports its use to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise MissingPackageError(
            f"{parts.RAY}: needs the package ray; `pip install deelish[ray]`"
        ) from None
    where = {} if address == LOCAL else {"address": address}
    try:
        _check_port(address)
        ray.init(**where, log_to_driver=False, include_dashboard=False, logging_level="error")
    except (OSError, ValueError, RuntimeError) as error:
        raise EngineError(
            f"{parts.RAY} {address}: no cluster is there ({first_line(error)}); start one with `ray"
            f" start --head`, or give {LOCAL} for this machine alone"
        ) from error
    return ray


def _check_port(address: str) -> None:
    """Raise OSError where nobody listens, which Ray itself would wait for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), PATIENCE).close()


def _check_nodes(ray: Any) -> None:
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


def _run(ray: Any, options: argparse.Namespace, words: Sequence[str]) -> None:
    folder = str(cache_folder().absolute())
    resources = {"num_gpus": 1} if options.gpu >= 0 else {"num_cpus": 1}
    task = ray.remote(max_retries=RETRIES, **resources)(compute)
    names = [f"{number}/{options.parts}" for number in range(1, options.parts + 1)]
    waiting = {task.remote(words, name, folder): name for name in names}
    failed = {name: why for name, why in _ended(ray, waiting) if why}
    if failed:
        name, why = next(iter(failed.items()))
        raise FileError(
            f"{len(failed):,} of {options.parts:,} parts failed, the first of them {name}: {why};"
            " the same command computes those that are missing"
        )
    say(f"{options.parts:,} parts are in {folder}; `deelish cache merge` makes one file of them")


def _ended(ray: Any, waiting: Mapping[Any, str]) -> Iterator[tuple[str, str]]:
    """Each part as it ends, and why it failed; "" where it did not."""
    from tqdm.auto import tqdm

    left = list(waiting)
    with tqdm(total=len(left), unit="part", leave=False, disable=None) as bar:
        while left:
            done, left = ray.wait(left, num_returns=1, timeout=PATIENCE)
            if not done and not ray.cluster_resources().get("CPU"):
                raise EngineError("the cluster has no node any more; start the command again")
            for reference in done:
                bar.update(1)
                try:
                    why, files = ray.get(reference)
                    absent = [path for path in files if not path.exists()]
                    if absent:
                        why = f"{absent[0]}: is not here; set {FOLDER_VARIABLE} to a shared folder"
                    yield waiting[reference], why
                except ray.exceptions.RayError as error:
                    yield waiting[reference], first_line(error)


def _absolute(words: Sequence[str], model: str) -> list[str]:
    """The command line with paths that hold in every worker, whose working folder is another."""
    found: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=")
        if option in _PATHS and equals:
            found.append(f"{option}={_everywhere(value)}")
        elif before in _PATHS or (word == model and Path(word).exists()):
            found.append(_everywhere(word))
        else:
            found.append(word)
    return found


def _everywhere(place: str) -> str:
    """A path as each worker finds it; a URL is the same everywhere."""
    return place if isinstance(addressed(place), Address) else str(Path(place).absolute())
