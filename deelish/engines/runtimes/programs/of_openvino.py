"""Runs an .xml, with its .bin, by OpenVINO."""

from typing import Any

import numpy as np
import openvino


def settings_of(threads: int) -> dict[str, Any]:
    """Those of a teacher in float32: `deelish.engines.openvino.settings` has the reasons."""
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,
    }


class Program:
    """A model of one input, of images (1, channels, height, width); each image is a call."""

    def __init__(self, path: str, threads: int) -> None:
        core = openvino.Core()
        model = core.read_model(path)
        if len(model.inputs) != 1 or len(model.input(0).partial_shape) != 4:
            raise ValueError("it has other inputs than one of images")
        sides = list(model.input(0).partial_shape)[1:]
        self.input_shape: tuple[int, ...] | None = None
        if all(side.is_static for side in sides):
            self.input_shape = tuple(side.get_length() for side in sides)
            model.reshape([1, *self.input_shape])
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.f32)
        steps.output(0).tensor().set_element_type(openvino.Type.f32)
        self._compiled = core.compile_model(steps.build(), "CPU", settings_of(threads))

    def run(self, values: np.ndarray) -> np.ndarray:
        """Logits of any number of images."""
        # The next call writes into the same array.
        parts = [np.array(self._compiled(image[None])[0]) for image in values]
        return np.concatenate(parts)
