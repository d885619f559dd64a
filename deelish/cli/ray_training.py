"""A script that trains in many processes of a Ray cluster, by Ray Train."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deelish.cli import running
from deelish.cli.ray_cluster import OPTION, WORKERS, check_nodes, started
from deelish.common.printing import say
from deelish.errors import (
    DataError,
    DeelishError,
    EngineError,
    MissingPackageError,
    ScriptError,
    first_line,
)
from deelish.storage.folder import FOLDER_VARIABLE, cache_folder

# How often the workers are started again after one of them was lost.
RESTARTS = 3
# Of each run: what the workers print, and why one failed.
OUTPUT, FAILED = "output.txt", "failed"
# Seconds between two looks at what the workers printed.
LOOK = 0.2


def run(options: argparse.Namespace) -> int:
    """Run a script in the workers of a cluster, which form one process group; the exit code.

    Raises:
        DataError: the number of workers is missing, or is none.
        EngineError: no cluster, other packages on a node, or workers were lost too often.
        ScriptError: the script cannot be read, or deelish found something wrong in it.
    """
    workers = _workers(options.workers)
    script = Path(options.script).absolute()
    if not script.is_file():
        raise ScriptError(f"{options.script}: there is no such script; correct the path")
    ray = started(options.ray)
    try:
        check_nodes(ray)
        # Beside the script, which all nodes see.
        folder = Path(tempfile.mkdtemp(prefix=".deelish-run-", dir=script.parent))
        try:
            with _printed(folder / OUTPUT):
                return _fit(ray, options, workers, folder, _facts(options, script, folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        ray.shutdown()


def _workers(text: str | None) -> int | tuple[int, int]:
    """`8`, or `2-8`: as many of these as the cluster has room for."""
    found = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", text or "")
    least = int(found[1]) if found else 0
    most = int(found[2] or least) if found else 0
    if not 1 <= least <= most:
        got = f"{OPTION}" if text is None else f"{WORKERS} {text}"
        raise DataError(f"{got}: say how many processes train, such as {WORKERS} 8, or 2-8")
    return least if least == most else (least, most)


def _facts(options: argparse.Namespace, script: Path, folder: Path) -> dict[str, Any]:
    """What each worker needs to know, as plain values."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("DEELISH_")}
    return {
        "script": str(script),
        "arguments": list(options.arguments),
        "resume": None if options.resume is None else str(options.resume.absolute()),
        "working_folder": str(Path.cwd()),
        "folder": str(folder),
        "debug": options.debug,
        "variables": {**ours, FOLDER_VARIABLE: str(cache_folder().absolute())},
    }


def _fit(
    ray: Any,
    options: argparse.Namespace,
    workers: int | tuple[int, int],
    folder: Path,
    facts: Mapping[str, Any],
) -> int:
    """Train; start all workers again where one was lost."""
    train = _ray_train()
    how = {
        "train_loop_config": dict(facts),
        "scaling_config": train.ScalingConfig(num_workers=workers, use_gpu=options.gpus),
        "run_config": train.RunConfig(storage_path=str(folder), name="ray"),
        # One script may have a session on each device.
        "torch_config": train.torch.TorchConfig("cpu:gloo,cuda:nccl" if options.gpus else "gloo"),
    }
    for restart in range(RESTARTS + 1):
        try:
            train.torch.TorchTrainer(work, **how).fit()
            return 0
        except (train.TrainingFailedError, ray.exceptions.RayError) as error:
            failure = _first_failure(folder)
            if failure is not None:
                if failure["sentence"]:
                    raise ScriptError(failure["sentence"]) from None
                return int(failure["code"])
            lost = list(getattr(error, "worker_failures", {}).values())
            why = first_line(lost[0] if lost else error)
            goes_on = "the script starts again" if options.resume is None else "it goes on"
            if restart < RESTARTS:
                say(f"a worker was lost ({why}); {goes_on}")
    raise EngineError(
        f"{options.script}: workers were lost {RESTARTS + 1} times, the last time by: {why}; look"
        " at the memory of the nodes, then run the same command again"
    )


def _ray_train() -> Any:
    """The package ray.train."""
    try:
        import ray.train.torch
    except ImportError:
        raise MissingPackageError(
            f"{OPTION}: a training needs Ray Train; `pip install deelish[ray-train]`"
        ) from None
    # Else each line of a script's own `print` comes twice.
    os.environ.setdefault("RAY_TRAIN_ENABLE_PRINT_PATCH", "0")
    return ray.train


def work(facts: Mapping[str, Any]) -> None:
    """In a worker, whose process group is there: run the script.

    Raises:
        RuntimeError: it failed; why is in the folder of the run.
    """
    folder = Path(facts["folder"])
    os.environ.update(facts["variables"])
    os.chdir(facts["working_folder"])
    resume = None if facts["resume"] is None else Path(facts["resume"])
    sentence, code = "", 0
    with (
        (folder / OUTPUT).open("a", buffering=1, encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            code = running.run(
                facts["script"], facts["arguments"], resume=resume, debug=facts["debug"]
            )
        except DeelishError as error:
            sentence, code = str(error), 1
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(bool(error.code))
    if code:
        path = folder / f"{FAILED}-{os.environ.get('RANK', 0)}"
        path.write_text(json.dumps({"sentence": sentence, "code": code}))
        raise RuntimeError(sentence or f"exit code {code}")


def _first_failure(folder: Path) -> dict[str, Any] | None:
    """What the first worker that failed said; the others only say that it did."""
    found = sorted(folder.glob(f"{FAILED}-*"), key=lambda path: path.stat().st_mtime_ns)
    failure: dict[str, Any] | None = json.loads(found[0].read_text()) if found else None
    return failure


@contextlib.contextmanager
def _printed(path: Path) -> Iterator[None]:
    """Within the block, print what the workers write to a file."""
    path.touch()
    over = threading.Event()

    def follow() -> None:
        with path.open(encoding="utf-8") as file:
            while True:
                last = over.wait(LOOK)
                sys.stdout.write(file.read())
                sys.stdout.flush()
                if last:
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
