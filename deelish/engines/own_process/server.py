"""The process in which a program computes: it loads a model, and runs it on shared images.

    python server.py MEMORY PROGRAM

MEMORY is the descriptor of memory that both processes see, which holds the input. PROGRAM is a file
with a class `Program`: made of what a request to load holds, it has `input_shape` and `run`, from
float32 (n, channels, height, width) to float32 (n, ...). A line of JSON is a request, and another
the reply. It imports nothing of deelish: that would take longer than its work.
"""

import importlib.util
import json
import mmap
import os
import signal
import sys
from functools import cache
from typing import Any, BinaryIO

import numpy as np


class Server:
    """One model at a time."""

    def __init__(self, memory: int, program: str) -> None:
        self._memory, self._file = memory, program
        self._loaded: Any = None
        self._input = np.zeros(0, np.float32)

    def load(self, asked: dict[str, Any]) -> Any:
        """Load a model in place of the one before; returns the shape that it takes."""
        self._loaded = None
        self._loaded = _program_in(self._file)(**asked)
        return self._loaded.input_shape

    def run(self, shape: list[int]) -> np.ndarray:
        """The logits, float32 (n, ...), of what the memory holds now."""
        if list(self._input.shape) != shape:
            buffer = mmap.mmap(self._memory, 4 * int(np.prod(shape)))
            self._input = np.frombuffer(buffer, np.float32).reshape(shape)
        return np.ascontiguousarray(self._loaded.run(self._input), np.float32)


@cache
def _program_in(file: str) -> Any:
    """Its class `Program`."""
    spec = importlib.util.spec_from_file_location("program", file)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module.Program


def main() -> None:
    """Reply to requests until there are no more."""
    # Ctrl-C reaches all processes of a terminal; the one that trains ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    # Libraries print what they like.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    server = Server(int(sys.argv[1]), sys.argv[2])
    for line in sys.stdin.buffer:
        _reply(server, json.loads(line), replies)
        replies.flush()


def _reply(server: Server, asked: dict[str, Any], replies: BinaryIO) -> None:
    content = b""
    try:
        if "run" in asked:
            made = server.run(asked["run"])
            said: dict[str, Any] = {"shape": made.shape}
            content = made.tobytes()
        else:
            said = {"shape": server.load(asked["load"])}
    except Exception as error:
        lines = [text.strip() for text in str(error).splitlines() if text.strip()]
        # OpenVINO's own errors begin with where in its source they were found.
        text = lines[-1].rstrip(".").replace(". ", ", ") if lines else type(error).__name__
        said = {"error": text}
    replies.write(json.dumps({**said, "bytes": len(content)}).encode() + b"\n" + content)


if __name__ == "__main__":
    main()
