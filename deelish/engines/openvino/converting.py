"""From an .onnx to OpenVINO's .xml and .bin, in int8 by nncf: a child process."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from deelish.engines.child import images_in, serve

SOURCE, MADE, WEIGHTS = "module.onnx", "made.xml", "made.bin"
# How OpenVINO's frontend for ONNX names a node that it cannot take.
_NODE = re.compile(r"(?:friendly_name|node|Node|name)[:= '\"]+([^\s'\",;]+)")


def convert(
    folder: Path, precision: str, int8: bool, weights: str, shape: list[int], notes: dict[str, str]
) -> None:
    """Write the .xml and .bin of the folder's .onnx.

    Args:
        folder: holds module.onnx, and for int8 the images to calibrate on.
        precision: "float32", or "float16" for weights of 16 bits.
        int8: whether weights and activations are of 8 bits.
        weights: "channel" or "tensor", what has a scale of its own in int8.
        shape: (1, channels, height, width) of its input.
        notes: what its `rt_info` gets under "deelish".
    """
    import openvino

    # Its convert_model starts processes that report its use to its makers.
    model = openvino.Core().read_model(folder / SOURCE)
    model.reshape(list(shape))
    if int8:
        model = _quantised(model, images_in(folder), weights)
    for key, value in notes.items():
        model.set_rt_info(value, ["deelish", key])
    openvino.save_model(model, str(folder / MADE), compress_to_fp16=precision == "float16")


def _quantised(model: Any, images: np.ndarray, weights: str) -> Any:
    # It reports its use to its makers too, unless this is set.
    os.environ["NNCF_CI"] = "1"
    import nncf
    from nncf.quantization.advanced_parameters import (
        AdvancedQuantizationParameters,
        QuantizationParameters,
    )

    return nncf.quantize(
        model,
        nncf.Dataset([image[None] for image in images]),
        subset_size=len(images),
        advanced_parameters=AdvancedQuantizationParameters(
            weights_quantization_params=QuantizationParameters(per_channel=weights == "channel")
        ),
    )


def _place(error: Exception) -> str:
    found = _NODE.search(str(error))
    return found[1] if found else ""


if __name__ == "__main__":
    serve(convert, _place)
