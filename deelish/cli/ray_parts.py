"""Parts of a teacher's pass as tasks of Ray, which tries one again where its worker dies."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deelish.cli import parts
from deelish.cli.ray_cluster import OPTION, PATIENCE, check_nodes, started
from deelish.common.printing import say
from deelish.errors import DataError, DeelishError, EngineError, FileError, first_line
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder
from deelish.storage.remote.address import Address, addressed

# How often a part is tried again whose worker dies.
RETRIES = 3
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
        raise DataError(f"{OPTION}: spreads parts; say how many there are, {parts.PARTS} 1000")
    ray = started(options.ray)
    try:
        check_nodes(ray)
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
    from deelish.common.terminal_bar import TerminalBar

    left = list(waiting)
    with TerminalBar(total=len(left), unit="part", leave=False, disable=None) as bar:
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
