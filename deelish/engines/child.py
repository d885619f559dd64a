"""Work in a process of its own, for libraries that change the process they are imported into.

LiteRT's converter leaves JAX's threads and 600 MB behind, OpenVINO has ended trainings with a
segmentation fault, and any of them may end its process. Here that is an error in one sentence. A
process of this kind ends when the one that started it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from deelish.errors import first_line

REQUEST, REPLY, LOG = "request.json", "reply.json", "log.txt"
IMAGES = "images.safetensors"


class ChildError(Exception):
    """The work failed; `at` is what the library says of the place, "" where it says nothing."""

    def __init__(self, text: str, at: str = "") -> None:
        super().__init__(text)
        self.at = at


def in_child(module: str, folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """The reply of a module of deelish whose `main` is `serve`, run in a process of its own.

    Args:
        module: its full name.
        folder: where the two exchange files; nothing else is in it.
        request: the keyword arguments of its function, as JSON holds them.

    Raises:
        ChildError: the function failed, or its process ended.
    """
    (folder / REQUEST).write_text(json.dumps(dict(request)), "utf-8")
    (folder / REPLY).unlink(missing_ok=True)
    path = os.pathsep.join(each or "." for each in sys.path)
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            # Without -P a file of the current folder would hide a package of its name.
            [sys.executable, "-P", "-W", "ignore", "-m", module, str(folder)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    try:
        code = process.wait()
    finally:
        # Ctrl-C ends the work too, and with it whatever processes a library has left.
        process.kill()
        _end_session(process.pid)
        process.wait()
        process.stdin.close()  # type: ignore[union-attr]
    return _reply(folder, code)


def _end_session(leader: int) -> None:
    if os.name == "nt":
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _reply(folder: Path, code: int) -> dict[str, Any]:
    try:
        reply: dict[str, Any] = json.loads((folder / REPLY).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        lines = (folder / LOG).read_text("utf-8", "replace").split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        raise ChildError(f"its process ended with {code}: {said}") from None
    if "error" in reply:
        raise ChildError(reply["error"], reply["at"])
    return reply


def leave_images(folder: Path, images: np.ndarray) -> None:
    """Write images to calibrate on, float32 (n, channels, height, width), for the work."""
    save_file({"images": np.ascontiguousarray(images)}, folder / IMAGES)


def images_in(folder: Path) -> np.ndarray:
    """What `leave_images` wrote."""
    images: np.ndarray = load_file(folder / IMAGES)["images"]
    return images


def serve(work: Callable[..., dict[str, Any] | None], at: Callable[[Exception], str]) -> None:
    """The main of such a module: do the work that is asked for, and write the reply.

    Args:
        work: the function; its first argument is the folder.
        at: what an error of the library says of the place where it failed.
    """
    folder = Path(sys.argv[1])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    request = json.loads((folder / REQUEST).read_text("utf-8"))
    try:
        reply = work(folder, **request) or {}
    except Exception as error:
        reply = {"error": first_line(_cause(error)), "at": at(error)}
    whole = folder / f"{REPLY}.part"
    whole.write_text(json.dumps(reply), "utf-8")
    whole.replace(folder / REPLY)
    sys.stdout.flush()
    # The libraries' own threads may not end.
    os._exit(0)


def nowhere(error: Exception) -> str:
    """Of a library that never says where it failed."""
    return ""


def _cause(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _end_with_parent() -> None:
    # The other end of the pipe closes with the process that has it, however that ends.
    sys.stdin.buffer.read()
    _end_session(os.getpid())
    os._exit(1)
