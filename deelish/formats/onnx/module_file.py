"""A module of another library as an ONNX model: its framework exports it, onnxruntime checks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.extras import ONNX
from deelish.engines.learning import ONNX_DATA, ONNX_LOGITS
from deelish.errors import FileError, first_line
from deelish.formats.agreement import Run, disagreement, squares
from deelish.formats.onnx.notes import notes_of
from deelish.formats.onnx.runtime import open_session
from deelish.formats.saved_module import SavedModule

# Batches of another size than the exporter saw.
BATCHES = (1, 3)
# Weights that one message of protobuf surely holds.
MOST_BYTES = 1536 * 1024 * 1024

Export = Callable[[], bytes]


def to_bytes(path: Path, module: SavedModule, export: Export, run: Run) -> bytes:
    """The .onnx of a module, compared with it.

    Args:
        path: the file, for errors.
        module: what is noted in it.
        export: makes the bare model, with input "data" and output "logits".
        run: the module itself: an input float32 (n, channels, size, size) to logits.

    Raises:
        FileError: the exporter fails, onnx or onnxruntime is missing, or the logits differ.
    """
    try:
        import onnx
    except ImportError:
        raise FileError(f"{path}: writing .onnx needs the package onnx; {ONNX}") from None
    if sum(array.nbytes for array in module.arrays.values()) > MOST_BYTES:
        raise FileError(
            f"{path}: {module.name} is too large for one .onnx, which holds up to"
            f" {MOST_BYTES / 1e9:.1f} GB; write .safetensors"
        )
    model = onnx.load_model_from_string(export())
    _note(model, module)
    content: bytes = model.SerializeToString()
    _check(content, module, run)
    return content


def _note(model: Any, module: SavedModule) -> None:
    from onnx import helper

    helper.set_model_props(model, notes_of(module.preprocessing, module.labels, ONNX_LOGITS))


def _check(content: bytes, module: SavedModule, run: Run) -> None:
    session = open_session(content)

    def in_onnxruntime(values: np.ndarray) -> np.ndarray:
        (logits,) = session.run([ONNX_LOGITS], {ONNX_DATA: values})
        return np.asarray(logits)

    for count in BATCHES:
        values = module.preprocessing.apply(squares(count, module.preprocessing.size))
        ours = _ran("the module", module, run, values)
        theirs = _ran("onnxruntime", module, in_onnxruntime, values)
        wrong = disagreement(ours, theirs, run, values)
        if wrong is not None:
            raise FileError(f"{module.name}: its .onnx {wrong}; write .safetensors")


def _ran(who: str, module: SavedModule, run: Run, values: np.ndarray) -> np.ndarray:
    try:
        return run(values)
    except Exception as error:
        raise FileError(
            f"{module.name}: {who} fails for {len(values)} images ({first_line(error)}), and an"
            " .onnx takes any number; write .safetensors"
        ) from error
