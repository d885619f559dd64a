"""The process in which OpenVINO computes: it compiles a model, and runs it on shared images.

    python server.py MEMORY

MEMORY is the descriptor of memory that both processes see, which holds the input. A line of JSON is
a request, and another the reply. It imports nothing of deelish: that would take longer than its
work.
"""

import json
import mmap
import os
import signal
import sys
from typing import Any, BinaryIO

import numpy as np


class Server:
    """One model, for one shape of its input."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._request: Any = None

    def load(self, path: str, logits: str, shape: list[int], settings: dict[str, Any]) -> int:
        """Compile a model; returns how many images a batch has.

        Args:
            path: an .onnx with one input.
            logits: the name of the value that holds the logits.
            shape: that of the input; a model of a fixed batch size has that size in its place.
            settings: OpenVINO's own.
        """
        import openvino

        core = openvino.Core()
        model = core.read_model(path)
        batch = model.input(0).partial_shape[0]
        self._shape = [batch.get_length() if batch.is_static else shape[0], *shape[1:]]
        if all(logits not in output.names for output in model.outputs):
            model.add_outputs(logits)
        # Without what else it makes, such as probabilities.
        kept = [output.node for output in model.outputs if logits in output.names]
        model = openvino.Model(kept, model.get_parameters())
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.f32)
        steps.output().tensor().set_element_type(openvino.Type.f32)
        model = steps.build()
        model.reshape(self._shape)
        self._request = None
        self._compiled = core.compile_model(model, "CPU", settings)
        return self._shape[0]

    def run(self) -> np.ndarray:
        """The logits, float32 (n, ...), of what the memory holds now."""
        if self._request is None:
            self._request = self._compiled.create_infer_request()
            self._request.set_input_tensor(self._shared())
        self._request.infer()
        return np.ascontiguousarray(self._request.get_output_tensor().data)

    def _shared(self) -> Any:
        """The input, in the memory that the other process writes to."""
        import openvino

        count = int(np.prod(self._shape))
        buffer = mmap.mmap(self._memory, 4 * count)
        # OpenVINO keeps the address alone: without another reference the memory is unmapped.
        self._input = np.frombuffer(buffer, np.float32, count).reshape(self._shape)
        return openvino.Tensor(self._input, shared_memory=True)


def main() -> None:
    """Reply to requests until there are no more."""
    # Ctrl-C reaches all processes of a terminal; the one that trains ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    # Libraries print what they like.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    server = Server(int(sys.argv[1]))
    for line in sys.stdin.buffer:
        _reply(server, json.loads(line), replies)
        replies.flush()


def _reply(server: Server, asked: dict[str, Any] | None, replies: BinaryIO) -> None:
    content = b""
    try:
        if asked is None:
            made = server.run()
            said: dict[str, Any] = {"shape": made.shape}
            content = made.tobytes()
        else:
            said = {"batch": server.load(**asked)}
    except Exception as error:
        lines = [text.strip() for text in str(error).splitlines() if text.strip()]
        # OpenVINO's own errors begin with where in its source they were found.
        text = lines[-1].rstrip(".").replace(". ", ", ") if lines else type(error).__name__
        said = {"error": text}
    replies.write(json.dumps(said).encode() + b"\n" + content)


if __name__ == "__main__":
    main()
