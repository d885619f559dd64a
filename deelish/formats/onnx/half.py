"""An .onnx with weights and activations in float16, by onnxruntime's own converter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deelish.errors import FileError, first_line
from deelish.formats.onnx.runtime import check_runtime


def halved(path: Path, content: bytes, notes: Mapping[str, str]) -> bytes:
    """The model in float16; its input and outputs stay float32.

    Args:
        path: what errors call it.
        content: an .onnx in float32.
        notes: what its `metadata_props` get.

    Raises:
        FileError: onnxruntime is missing, or cannot convert it.
    """
    check_runtime(path)
    from onnx import helper, load_model_from_string
    from onnxruntime.transformers.float16 import convert_float_to_float16

    try:
        model = convert_float_to_float16(load_model_from_string(content), keep_io_types=True)
    except Exception as error:
        raise FileError(
            f"{path}: onnxruntime cannot write it in float16 ({first_line(error)}); leave precision"
            " out"
        ) from error
    helper.set_model_props(model, dict(notes))
    made: bytes = model.SerializeToString()
    return made
