"""OpenVINO in a process of its own, as the process that trains sees it.

In one process with PyTorch it has ended trainings with a segmentation fault. Here such an end is
an error in one sentence, and the two share neither threads nor memory but the input.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import subprocess
import sys
import tempfile
import weakref
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.extras import OPENVINO
from deelish.engines.openvino import server
from deelish.errors import MissingPackageError, TrainingError

# How long it may take to end by itself, in seconds.
PATIENCE = 5


def check_installed() -> None:
    """Refuse to go on without the package.

    Raises:
        MissingPackageError: it is not installed.
    """
    if find_spec("openvino") is None:
        raise MissingPackageError(
            f"Teacher(runtime='openvino'): needs the package openvino; {OPENVINO}"
        )


class OpenVinoProcess:
    """A process with one model, for batches of one size.

    Args:
        name: what errors call the model.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._memory = _memory()
        self._process = subprocess.Popen(
            # Without -P the folder of the file would hide packages by its own names.
            [sys.executable, "-P", str(server.__file__), str(self._memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._memory],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or "." for path in sys.path)},
        )
        self.close = weakref.finalize(self, _end, self._process, self._memory)

    def load(
        self, path: Path, logits: str, shape: tuple[int, ...], settings: dict[str, str | int]
    ) -> None:
        """Compile a model in place of the one before.

        Args:
            path: an .onnx with one input.
            logits: the name of the value that holds the logits.
            shape: (n, channels, size, size) of a batch.
            settings: of `settings_of`.

        Raises:
            TrainingError: OpenVINO cannot run it, or its process ended.
        """
        asked = {"path": str(path), "logits": logits, "shape": shape, "settings": settings}
        batch = self._asked(asked)["batch"]
        shape = (batch, *shape[1:])
        os.ftruncate(self._memory, 4 * math.prod(shape))
        buffer = mmap.mmap(self._memory, 4 * math.prod(shape))
        self._input = np.frombuffer(buffer, np.float32).reshape(shape)

    def run(self, values: np.ndarray) -> np.ndarray:
        """float32 (n, channels, size, size) -> logits (n, ...), for any n.

        Raises:
            TrainingError: OpenVINO fails, or its process ended.
        """
        batch = len(self._input)
        try:
            parts = [self._part(values[i : i + batch]) for i in range(0, len(values), batch)]
        except KeyboardInterrupt:
            # The reply that comes would be taken for that of the next request.
            self.close()
            raise
        return np.concatenate(parts)

    def _part(self, values: np.ndarray) -> np.ndarray:
        # The model is compiled for one size: copies of the last image fill a smaller batch.
        self._input[: len(values)] = values
        self._input[len(values) :] = values[-1]
        shape = self._asked(None)["shape"]
        content = self._process.stdout.read(4 * math.prod(shape))  # type: ignore[union-attr]
        if len(content) < 4 * math.prod(shape):
            raise self._ended()
        return np.frombuffer(content, np.float32).reshape(shape)[: len(values)]

    def _asked(self, request: Any) -> Any:
        """The reply to a request."""
        process = self._process
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        except OSError:
            raise self._ended() from None
        line = process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise self._ended()
        reply = json.loads(line)
        if "error" in reply:
            raise TrainingError(
                f"{self._name}: OpenVINO cannot run it ({reply['error']}); leave runtime= out"
            )
        return reply

    def _ended(self) -> TrainingError:
        self.close()
        return TrainingError(
            f"{self._name}: the process of OpenVINO ended with {self._process.returncode}, where it"
            " should compute logits; leave runtime= out, or start the script again"
        )


def _memory() -> int:
    """The descriptor of memory that processes can share, which ends with them."""
    if sys.platform == "linux":
        return os.memfd_create("deelish-openvino")
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
