"""An ONNX model as a teacher, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deelish.common.printing import say
from deelish.common.processes import available_cores
from deelish.distillation.sources.onnx_file import OnnxFile
from deelish.engines.inference import InferenceModel
from deelish.errors import FileError, first_line
from deelish.formats.onnx.runtime import CUDA, check_runtime, open_session
from deelish.network.pretrained import find_model

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxModel(InferenceModel):
    """An .onnx file with one input, of images (n, channels, size, size).

    Args:
        path: the file.
        gpu: -1 for the CPU, else the number of the GPU.

    Raises:
        FileError: the file or onnxruntime is missing, or the file is damaged or has another input.
    """

    kind = "model of ONNX"
    exportable = True

    def __init__(self, path: Path, gpu: int) -> None:
        path = find_model(path)
        file = OnnxFile(path)
        self.name, self._path, self._logits = path.stem, path, file.logits
        self._session = _session(file, gpu)
        self.parameters, self.labels = file.parameters, file.stated.labels
        self._digest, self.files = file.digest(), file.files
        used = self._session.get_providers()
        device = "cuda" if CUDA in used else f"cpu, threads: {available_cores()}"
        self.computed_by = f"onnxruntime on {device}"
        self.fixed = self._checked_input()
        self.own_dtype = np.dtype(self._type).name
        order = "L" if self.fixed.get("channels") == 1 else "RGB"
        size = {name: side for name, side in self.fixed.items() if name == "size"}
        self.pixels = {"order": order, **size, **file.stated.pixels}
        shape = {o.name: o.shape for o in self._session.get_outputs()}[self._logits]
        # Of four axes it may be an image, which a run shows.
        if shape and len(shape) in (2, 3) and isinstance(shape[1], int):
            self.classes = shape[1]

    def _checked_input(self) -> dict[str, Any]:
        """Check the input and note its name, type and batch size; return its size and channels."""
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape or ()) if len(inputs) == 1 else []
        fixed = [side if isinstance(side, int) and side > 0 else None for side in shape]
        if len(fixed) != 4 or inputs[0].type not in TYPES or fixed[1] not in (1, 3, None):
            got = "; ".join(f"{i.name!r}, {i.type} {i.shape}" for i in inputs)
            raise FileError(
                f"{self._path}: takes {got}, where one input of floats (n, 3, size, size) or"
                " (n, 1, size, size) is needed; export the model so"
            )
        self._input_name, self._type, self._batch = inputs[0].name, TYPES[inputs[0].type], fixed[0]
        known: dict[str, Any] = {}
        if fixed[1] is not None:
            known["channels"] = fixed[1]
        if fixed[2] is not None and fixed[2] == fixed[3]:
            known["size"] = fixed[2]
        return known

    def run(self, values: np.ndarray) -> np.ndarray:
        values = values.astype(self._type, copy=False)
        batch = self._batch or len(values)
        parts = [self._part(values[i : i + batch], batch) for i in range(0, len(values), batch)]
        return np.concatenate(parts).astype(np.float32, copy=False)

    def _part(self, values: np.ndarray, batch: int) -> np.ndarray:
        # A model of a fixed batch size takes no smaller batch: copies of the last image fill it.
        missing = batch - len(values)
        filled = np.concatenate([values, *[values[-1:]] * missing]) if missing else values
        logits: np.ndarray = self._session.run([self._logits], {self._input_name: filled})[0]
        return logits[: len(values)]

    def onnx_path(self, folder: Path, values: np.ndarray) -> Path:
        return self._path

    def digest(self) -> str:
        return self._digest


def _session(file: OnnxFile, gpu: int) -> Any:
    providers = check_runtime(file.path).get_available_providers()
    if gpu >= 0 and CUDA not in providers:
        say(f"{file.path.name}: this onnxruntime has no CUDA, so it runs on the CPU")
        gpu = -1
    try:
        return open_session(file.runnable(), beside=file.folder, gpu=gpu)
    except FileError:
        raise
    except Exception as error:
        raise FileError(f"{file.path}: onnxruntime cannot open it ({first_line(error)})") from error
