"""Computes the logits of a teacher by OpenVINO, from its .onnx; it imports nothing of deelish."""

from typing import Any

import numpy as np
import openvino


class Program:
    """A model for one size of batch.

    Args:
        path: an .onnx with one input.
        logits: the name of the value that holds the logits.
        shape: that of the input; a model of a fixed batch size has that size in its place.
        settings: OpenVINO's own.
    """

    def __init__(self, path: str, logits: str, shape: list[int], settings: dict[str, Any]) -> None:
        core = openvino.Core()
        model = core.read_model(path)
        batch = model.input(0).partial_shape[0]
        self.input_shape = [batch.get_length() if batch.is_static else shape[0], *shape[1:]]
        if all(logits not in output.names for output in model.outputs):
            model.add_outputs(logits)
        # Without what else it makes, such as probabilities.
        kept = [output.node for output in model.outputs if logits in output.names]
        model = openvino.Model(kept, model.get_parameters())
        steps = openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(openvino.Type.f32)
        steps.output().tensor().set_element_type(openvino.Type.f32)
        model = steps.build()
        model.reshape(self.input_shape)
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        self._input: np.ndarray | None = None

    def run(self, values: np.ndarray) -> Any:
        """The logits of values, which the next call may find in the same array."""
        if values is not self._input:
            # OpenVINO keeps the address alone: without another reference the memory is unmapped.
            self._input = values
            self._request.set_input_tensor(openvino.Tensor(values, shared_memory=True))
        self._request.infer()
        return self._request.get_output_tensor().data
