"""A teacher's logits by another runtime than the engine, compared with the engine's own.

A teacher needs no gradients, so that a runtime made for inference alone may compute it.
"""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from deelish.common.printing import say
from deelish.distillation.sources.network import NetworkModel
from deelish.distillation.sources.onnx import OnnxModel
from deelish.distillation.sources.onnx_file import OnnxFile
from deelish.engines import Context
from deelish.engines.inference import InferenceModel
from deelish.engines.openvino.process import OpenVinoProcess, check_installed
from deelish.engines.openvino.settings import TYPES, settings_of
from deelish.errors import DataError, TrainingError

RUNTIMES = ("openvino",)
# How far the logits may be from the engine's own, as a fraction of the largest.
# Measured on BVLC's GoogLeNet 6e-7, and 3e-3 in bfloat16; on eight models of timm and torchvision
# at most 3e-6 and 0.055, the latter EfficientNet-Lite0.
TOLERANCE = {None: 1e-3, "bfloat16": 0.1}


def check_runtime_name(runtime: object) -> None:
    """Refuse a runtime that is not known, or not installed.

    Raises:
        DataError: no such runtime.
        MissingPackageError: it is not installed.
    """
    if runtime is None:
        return
    if runtime not in RUNTIMES:
        raise DataError(
            f"Teacher(runtime={runtime!r}): is not known; give 'openvino', or leave it out"
        )
    check_installed()


class RuntimeModel(InferenceModel):
    """A model whose logits OpenVINO computes on the CPU.

    It is compiled for one size of batch, in which an image has the same logits in every batch, and
    again where weights or the precision change. Each time its first batch is compared.

    Args:
        model: the model itself: a network of deelish, a torch module, or an .onnx file.
        context: the session, whose precision and number of threads it takes.

    Raises:
        TrainingError: the model, or the session, is none that OpenVINO computes.
    """

    def __init__(self, model: InferenceModel, context: Context) -> None:
        self.name, self.kind = model.name, f"{model.kind}, by OpenVINO"
        self.output_shape = model.output_shape
        self._model, self._engine = model, context.engine
        self._check(context)
        # Where the model's own digest does not say in which precision it computes.
        if isinstance(model, OnnxModel):
            self.autocast_dtype = self._dtype
        self._process: OpenVinoProcess | None = None
        self._compiled: tuple[Any, int] | None = None

    def _check(self, context: Context) -> None:
        model = self._model
        if not model.exportable:
            raise TrainingError(
                f"Teacher {self.name}: a {model.kind} cannot be written as .onnx, which"
                " runtime='openvino' needs; leave runtime= out"
            )
        if context.gpu >= 0:
            raise TrainingError(
                f"Teacher {self.name}: runtime='openvino' computes on the CPU, and this session on"
                f" GPU {context.gpu}; leave runtime= out"
            )
        if self._dtype not in TYPES:
            raise TrainingError(
                f"Teacher {self.name}: runtime='openvino' does not compute in {self._dtype}; take"
                " Deel(precision='bfloat16'), or leave runtime= out"
            )

    @property
    def _dtype(self) -> str | None:
        """The reduced precision that the engine itself would compute the model in, or None."""
        model = self._model
        if isinstance(model, NetworkModel):
            return self._engine.autocast_dtype_of(model.network.module)
        return model.autocast_dtype if model.reducible else self._engine.autocast_dtype

    def run(self, values: np.ndarray) -> np.ndarray:
        digest, batch = self._known(), max(len(values), self._model.full_batch or 0)
        if self._process is None or not self._process.close.alive:
            self._process, self._compiled = OpenVinoProcess(self.name), None
        compiled = self._compiled
        if compiled is not None and compiled[0] == digest and batch <= compiled[1]:
            return self._process.run(values)
        self._compiled = None
        self._compile(self._process, values, batch)
        logits = self._process.run(values)
        self._compare(logits, values)
        self._compiled = digest, batch
        return logits

    def _known(self) -> str:
        """What changes with the weights.

        Raises:
            TrainingError: that cannot be seen.
        """
        digest = self._model.known_digest()
        if digest is None:
            why = self._model.undescribed or "its weights, hooks or layers may change at any batch"
            raise TrainingError(f"{self.name}: {why}; or leave runtime='openvino' out")
        return digest

    def _compile(self, process: OpenVinoProcess, values: np.ndarray, batch: int) -> None:
        start = time.perf_counter()
        settings = settings_of(self._engine.threads, self._dtype)
        with TemporaryDirectory() as folder:
            path = self._model.onnx_path(Path(folder), values)
            process.load(path, OnnxFile(path).logits, (batch, *values.shape[1:]), settings)
        took = time.perf_counter() - start
        say(f"runtime='openvino': {self.name} compiled in {took:.1f} s")

    def _compare(self, logits: np.ndarray, values: np.ndarray) -> None:
        """Compare with the logits that the engine computes; an .onnx file's are onnxruntime's."""
        own = np.asarray(self._model.run(values))
        if own.size != logits.size:
            raise TrainingError(
                f"{self.name}: OpenVINO's logits are {logits.shape}, and its own {own.shape}; leave"
                " runtime= out"
            )
        # What is infinite or no number is found wherever logits are checked.
        if not np.isfinite(own).all():
            return
        largest = max(float(np.abs(own).max()), 1e-6)
        apart = float(np.abs(logits - own.reshape(logits.shape)).max()) / largest
        if not apart <= TOLERANCE[self._dtype]:
            raise TrainingError(
                f"{self.name}: OpenVINO's logits differ from its own by {apart:.2g} of the largest,"
                f" where {TOLERANCE[self._dtype]:g} is rounding; leave runtime= out"
            )

    def digest(self) -> str | None:
        return self._model.digest()

    def checksums(self) -> Any:
        return self._model.checksums()
