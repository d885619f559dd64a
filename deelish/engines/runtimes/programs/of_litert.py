"""Runs a .tflite by LiteRT."""

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Program:
    """A model of one input, of an image; floats and quantised numbers, channels first or last."""

    def __init__(self, path: str, threads: int) -> None:
        self._interpreter = Interpreter(model_path=path, num_threads=threads)
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if len(inputs) != 1 or len(inputs[0]["shape"]) != 4:
            raise ValueError("it has other inputs than one of images")
        self._input, self._output = inputs[0], outputs[0]
        _, first, height, last = (int(side) for side in self._input["shape"])
        # Its own converters put channels last, PyTorch's first.
        self._channels_last = last in (1, 3) or first not in (1, 3)
        sides = (last, first, height) if self._channels_last else (first, height, last)
        self.input_shape = sides
        self._interpreter.resize_tensor_input(self._input["index"], self._shape(1), strict=True)
        self._interpreter.allocate_tensors()

    def _shape(self, count: int) -> list[int]:
        channels, height, width = self.input_shape
        if self._channels_last:
            return [count, height, width, channels]
        return [count, channels, height, width]

    def run(self, values: np.ndarray) -> np.ndarray:
        """Logits of any number of images."""
        given = values.transpose(0, 2, 3, 1) if self._channels_last else values
        given = _quantised(given, self._input)
        return np.concatenate([self._part(given[i : i + 1]) for i in range(len(given))])

    def _part(self, image: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input["index"], image)
        self._interpreter.invoke()
        return _floats(self._interpreter.get_tensor(self._output["index"]), self._output)


def _quantised(values: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    """Values in the type of a tensor, by its scale and zero point where it has whole numbers."""
    scale, zero = about["quantization"]
    if not np.issubdtype(about["dtype"], np.integer):
        return values.astype(about["dtype"], copy=False)
    limits = np.iinfo(about["dtype"])
    whole = np.clip(np.rint(values / scale) + zero, limits.min, limits.max)
    return np.asarray(whole, about["dtype"])


def _floats(values: np.ndarray, about: dict[str, Any]) -> np.ndarray:
    scale, zero = about["quantization"]
    if not np.issubdtype(about["dtype"], np.integer):
        return values.astype(np.float32, copy=False)
    return np.asarray((values.astype(np.float32) - zero) * scale, np.float32)
