"""Runs an .onnx by onnxruntime."""

import json

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
ERRORS_ONLY = 3
# Keeps sums of int8 right on x86 without VNNI, where the fast ones overflow.
EXACT = "session.x64quantprecision"


class Program:
    """A model of one input, of floats (n, channels, height, width).

    Its logits are its first output. In deelish's own files these are probabilities where the
    network ends in them: naming other values needs the package onnx, which would be measured too.
    """

    def __init__(self, path: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = ERRORS_ONLY
        options.add_session_config_entry(EXACT, "1")
        self._session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in TYPES:
            raise ValueError("it has other inputs than one of images, in floats")
        self._name, self._type = inputs[0].name, TYPES[inputs[0].type]
        self._batch, *sides = (side if isinstance(side, int) else None for side in inputs[0].shape)
        self.input_shape = self._noted() if None in sides else tuple(sides)
        self._output = self._session.get_outputs()[0].name

    def _noted(self) -> tuple[int, ...] | None:
        """The sides by deelish's notes, of a network that takes images of any size."""
        notes = self._session.get_modelmeta().custom_metadata_map
        if "preprocessing" not in notes:
            return None
        pixels = json.loads(notes["preprocessing"])
        return (1 if pixels["order"] == "L" else 3), pixels["size"], pixels["size"]

    def run(self, values: np.ndarray) -> np.ndarray:
        """Logits of any number of images."""
        batch = self._batch or len(values)
        parts = [self._part(values[i : i + batch], batch) for i in range(0, len(values), batch)]
        return np.concatenate(parts).astype(np.float32, copy=False)

    def _part(self, values: np.ndarray, batch: int) -> np.ndarray:
        # A model of a fixed batch size takes no smaller batch: copies of the last image fill it.
        filled = np.concatenate([values, *[values[-1:]] * (batch - len(values))])
        given = {self._name: filled.astype(self._type, copy=False)}
        return np.asarray(self._session.run([self._output], given)[0])[: len(values)]
