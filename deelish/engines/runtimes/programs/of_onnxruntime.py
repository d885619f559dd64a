"""Runs an .onnx by onnxruntime."""

import json
from functools import lru_cache

import numpy as np
import onnxruntime

CPU = "CPUExecutionProvider"
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
# onnxruntime's number for errors; below it prints warnings about graphs.
ERRORS_ONLY = 3
# Keeps sums of int8 right where the fast ones overflow. With VNNI nothing overflows, and the same
# answers would take twice as long.
EXACT = "session.x64quantprecision"
# An .onnx of one node, c = MatMulInteger(a, b), for matrices of any size.
PRODUCT = (
    b'\x08\x08:>\n\x18\n\x01a\n\x01b\x12\x01c"\rMatMulInteger\x12\x01sZ\t\n\x01a\x12\x04\n\x02\x08'
    b"\x02Z\t\n\x01b\x12\x04\n\x02\x08\x03b\t\n\x01c\x12\x04\n\x02\x08\x06B\x02\x10\r"
)
SIDE, BRIGHT, WEIGHT = 32, 255, 127


@lru_cache
def sums_overflow() -> bool:
    """Whether fast sums of int8 are wrong here: x86 without VNNI adds two products in 16 bits."""
    session = onnxruntime.InferenceSession(PRODUCT, plain_options(1), providers=[CPU])
    bright = np.full((SIDE, SIDE), BRIGHT, np.uint8)
    weights = np.full((SIDE, SIDE), WEIGHT, np.int8)
    (sums,) = session.run(None, {"a": bright, "b": weights})
    return bool(np.any(sums != SIDE * BRIGHT * WEIGHT))


def plain_options(threads: int) -> onnxruntime.SessionOptions:
    """Options of a session that computes with so many threads and prints no warnings."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = ERRORS_ONLY
    return options


def options_of(threads: int) -> onnxruntime.SessionOptions:
    """The same, and sums of int8 are right on every processor."""
    options = plain_options(threads)
    if sums_overflow():
        options.add_session_config_entry(EXACT, "1")
    return options


class Program:
    """A model of one input, of floats (n, channels, height, width).

    Its logits are its first output. In deelish's own files these are probabilities where the
    network ends in them: naming other values needs the package onnx, which would be measured too.
    """

    def __init__(self, path: str, threads: int) -> None:
        self._session = onnxruntime.InferenceSession(path, options_of(threads), providers=[CPU])
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
