"""A process that computes logits, as the process that asks it sees it.

A library that ends it, with a segmentation fault or for lack of memory, is an error in one sentence
here. The two share neither threads nor memory but the input.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deelish.engines.own_process import server
from deelish.errors import DeelishError

# How long it may take to end by itself, in seconds.
PATIENCE = 5


class OwnProcess:
    """A process with one model.

    Args:
        title: what errors call its library.
        program: the file with its `Program`, see `server`.
        refused: makes the error of a reason, and of whether the process ended.

    Attributes:
        refused: the same; another may take its place.
        close: ends it; `close.alive` is whether it may be asked.
    """

    def __init__(
        self, title: str, program: Path, refused: Callable[[str, bool], DeelishError]
    ) -> None:
        self._title, self.refused = title, refused
        self._memory, self._bytes = _memory(), 0
        self._input, self._lock = np.zeros(0, np.float32), threading.Lock()
        self._process = subprocess.Popen(
            # Without -P the folder of the file would hide packages by its own names.
            [sys.executable, "-P", str(server.__file__), str(self._memory), str(program)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._memory],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
        )
        self.close = weakref.finalize(self, _end, self._process, self._memory)

    def load_model(self, **given: Any) -> tuple[int, ...] | None:
        """Load a model in place of the one before; returns its `input_shape`.

        Args:
            given: what its `Program` is made of.

        Raises:
            DeelishError: it cannot be run, or the process ended.
        """
        shape = self._asked({"load": given})[0]["shape"]
        return None if shape is None else tuple(shape)

    def run_batch(self, values: np.ndarray, rows: int) -> np.ndarray:
        """float32 (n, channels, height, width) -> (n, ...), for n up to the rows of its input.

        Raises:
            DeelishError: it fails, or its process ended.
        """
        shape = (rows, *values.shape[1:])
        # There is one input, and one reply at a time.
        with self._lock:
            if self._input.shape != shape:
                self._input = self._shared(shape)
            # A model for one size of batch takes no smaller one: copies of the last image fill it.
            self._input[: len(values)] = values
            self._input[len(values) :] = values[-1]
            reply, content = self._asked({"run": shape})
        return np.frombuffer(content, np.float32).reshape(reply["shape"])[: len(values)]

    def _shared(self, shape: tuple[int, ...]) -> np.ndarray:
        """The input, in memory that the process sees too."""
        count = 4 * math.prod(shape)
        if count > self._bytes:
            os.ftruncate(self._memory, count)
            self._bytes = count
        return np.frombuffer(mmap.mmap(self._memory, count), np.float32).reshape(shape)

    def _asked(self, request: Any) -> tuple[Any, bytes]:
        """The reply to a request, and the numbers that come with it."""
        try:
            reply, content = self._exchanged(request)
        except OSError:
            raise self._ended() from None
        except KeyboardInterrupt:
            # The reply that comes would be taken for that of the next request.
            self.close()
            raise
        if "error" in reply:
            raise self.refused(f"{self._title} cannot run it ({reply['error']})", False)
        return reply, content

    def _exchanged(self, request: Any) -> tuple[Any, bytes]:
        process = self._process
        process.stdin.write(json.dumps(request).encode() + b"\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        line = process.stdout.readline()  # type: ignore[union-attr]
        reply = json.loads(line or '{"bytes": 1}')
        content = process.stdout.read(reply["bytes"])  # type: ignore[union-attr]
        if len(content) < reply["bytes"]:
            raise self._ended()
        return reply, content

    def _ended(self) -> DeelishError:
        self.close()
        return self.refused(
            f"the process of {self._title} ended with {self._process.returncode}, where it should"
            " compute logits",
            True,
        )


def _memory() -> int:
    """The descriptor of memory that processes can share, which ends with them."""
    if sys.platform == "linux":
        return os.memfd_create("deelish")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _end(process: subprocess.Popen[bytes], memory: int) -> None:
    for pipe in (process.stdin, process.stdout):
        try:
            pipe.close()  # type: ignore[union-attr]
        except OSError:
            # A request that it did not read.
            continue
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    os.close(memory)
