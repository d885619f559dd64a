"""A network in int8: written as ONNX, quantised and run by onnxruntime."""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from deelish.comparison.timing import threads_of
from deelish.engines.int8 import CHANNEL
from deelish.engines.learning import ONNX_LOGITS
from deelish.errors import FileError, PlanError, first_line
from deelish.formats.onnx.model import model_of
from deelish.formats.onnx.notes import notes_of
from deelish.formats.onnx.proto import proto_of
from deelish.formats.onnx.runtime import check_runtime, open_session
from deelish.network.inputs import ImageTensor
from deelish.network.learner import Learner
from deelish.network.model import Model
from deelish.plan.plan import Plan
from deelish.storage.atomic import write_file

IMAGES = 128
ABOUT = (
    "int8: onnxruntime's static quantisation (QDQ), weights of 8 bits by channel; calibrated on at"
    f" most {IMAGES} training images, from their least to their largest activations"
)
# By name onnxruntime's own names of how a range follows from the activations that were seen.
CALIBRATIONS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}


class _Reader:
    """The calibration's reader: batches of one input, then None."""

    def __init__(self, name: str, batches: Iterator[np.ndarray]) -> None:
        self._name, self._batches = name, batches

    def get_next(self) -> dict[str, np.ndarray] | None:
        batch = next(self._batches, None)
        return None if batch is None else {self._name: batch}


class Int8:
    """The quantised network.

    Args:
        network: the network. All layers up to its logits are quantised, not the softmax.
        training: batches of training images to calibrate on.
        weights: of `WEIGHTS`: a scale for each output channel of a layer, or one for all.
        calibration: of `CALIBRATIONS`.

    Attributes:
        model: its .onnx, with labels and preprocessing in it.

    Raises:
        FileError: onnx or onnxruntime is missing, or cannot quantise the network.
        PlanError: a layer has no counterpart in ONNX, or the batch size is fixed.
    """

    def __init__(
        self,
        network: Learner,
        training: Sequence[ImageTensor],
        weights: str = CHANNEL,
        calibration: str = "minmax",
    ) -> None:
        self._network, self._data = network, network.data_blob
        self._weights, self._calibration = weights, calibration
        with tempfile.TemporaryDirectory(prefix="deelish-") as folder:
            source, target = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
            self._logits = _write(network, source)
            check_runtime()
            try:
                self._quantise(source, target, training)
                # With the same layers folded as in int8.
                self._source = source.read_bytes()
                self.model = _with_notes(target, network, self._logits)
                # As many threads as the network itself uses.
                threads = threads_of(network.engine)
                self._session = open_session(self.model, threads=threads)
            except Exception as error:  # onnxruntime raises any kind of error
                raise FileError(
                    f"{network.name}: onnxruntime cannot quantise it ({first_line(error)})"
                ) from error

    def logits(self, images: ImageTensor) -> np.ndarray:
        """float32 (n, classes) of the images, or outputs of another shape."""
        return self._run(self._session, images)

    def float_logits(self, images: ImageTensor) -> np.ndarray:
        """The same of the network in float32, as it was before its quantisation."""
        return self._run(self._float_session, images)

    @cached_property
    def _float_session(self) -> Any:
        # Most files in int8 are written and not compared.
        return open_session(self._source, threads=threads_of(self._network.engine))

    def _run(self, session: Any, images: ImageTensor) -> np.ndarray:
        pixels = self._pixels(images)
        (logits,) = session.run([self._logits], {self._data: pixels})
        return np.asarray(logits).reshape(len(pixels), *self._network.output_shape)

    def _pixels(self, images: ImageTensor) -> np.ndarray:
        return self._network.preprocessing.apply(images.pixels(self._network.preprocessing))

    def _quantise(self, source: Path, target: Path, training: Sequence[ImageTensor]) -> None:
        from onnxruntime.quantization import (
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )
        from onnxruntime.quantization.shape_inference import quant_pre_process

        with _quiet():
            # Folds the layers after a convolution into it.
            quant_pre_process(source, source, skip_symbolic_shape=True)
            quantize_static(
                source,
                target,
                _Reader(self._data, map(self._pixels, training)),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                # Its own default is one scale a layer, which loses most in depthwise layers.
                per_channel=self._weights == CHANNEL,
                calibrate_method=CalibrationMethod[CALIBRATIONS[self._calibration]],
            )


def _write(network: Learner, path: Path) -> str:
    """The network up to its logits as ONNX; the name of the value that holds them."""
    if not isinstance(network, Model):
        network.write(path)
        return ONNX_LOGITS
    plan = network.plan
    rows = plan.rows("TEST", [plan.logits])
    inputs = {name: plan.inputs[name] for name in plan.needed("TEST", [plan.logits])}
    short = Plan(rows, inputs, plan.name, plan.logits)
    model = model_of(short, network.engine.state(network.module))
    if model.batch is not None or model.logits is None:
        raise PlanError(f"{network.name}: as .onnx it takes one batch size only")
    write_file(path, proto_of(network.name, model, {}).SerializeToString())
    return model.logits


def _with_notes(path: Path, network: Learner, logits: str) -> bytes:
    from onnx import helper, load

    model = load(path)
    helper.set_model_props(model, notes_of(network.preprocessing, network.labels, logits))
    content: bytes = model.SerializeToString()
    return content


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Quantise without the advice that onnxruntime logs."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
