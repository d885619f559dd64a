"""Checks that a written file gives the same outputs as the network that was saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from deelish.formats.onnx.outputs import output_blobs
from deelish.formats.onnx.runtime import open_session
from deelish.network.model import Model
from deelish.network.opening import parts_of_file

# What rounding explains: the largest difference as a fraction of the blob's largest number.
TOLERANCE = 1e-4

Blobs = dict[str, np.ndarray]


def largest_difference(network: Model, path: Path) -> tuple[float, str]:
    """Run both on the same inputs: the largest relative difference, and its blob.

    onnxruntime runs an .onnx, deelish runs other files.

    Raises:
        FileError: onnxruntime is missing.
        PlanError: the network has no outputs but losses.
    """
    inputs = inputs_for(network)
    ours = network.run(inputs, output_blobs(network.plan))
    if path.suffix.lower() == ".onnx":
        theirs = _run_onnx(path, inputs)
    else:
        theirs = Model.of(parts_of_file(path)).run(inputs, list(ours))
    differences = {blob: _difference(values, theirs[blob]) for blob, values in ours.items()}
    worst = max(differences, key=lambda blob: differences[blob])
    return differences[worst], worst


def inputs_for(network: Model) -> Blobs:
    """Random inputs, the same every time: images as the network's preprocessing gives them.

    Inputs that are no images are 0 or 1, since they may be indices, sequence marks or labels.
    """
    rng = np.random.default_rng(0)
    inputs = {}
    for name, shape in network.plan.inputs.items():
        pixels = network.preprocessing
        if shape[1:] == (pixels.channels, pixels.size, pixels.size):
            image = (shape[0], pixels.size, pixels.size, 3)
            inputs[name] = pixels.apply(rng.integers(0, 256, image, dtype=np.uint8))
        elif len(shape) > 2:
            inputs[name] = rng.uniform(-128, 128, shape).astype(np.float32)
        else:
            inputs[name] = rng.integers(0, 2, shape).astype(np.float32)
    return inputs


def _run_onnx(path: Path, inputs: Mapping[str, np.ndarray]) -> Blobs:
    session = open_session(str(path))
    names = [value.name for value in session.get_outputs()]
    given = {value.name: inputs[value.name] for value in session.get_inputs()}
    return dict(zip(names, session.run(names, given), strict=True))


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest difference over the largest number; where both are NaN or equal, it is 0."""
    if ours.shape != theirs.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        apart = np.abs(ours - theirs)
    apart = np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0, apart)
    worst = float(apart.max(initial=0))
    largest = float(np.abs(ours[np.isfinite(ours)]).max(initial=0))
    return float("inf") if np.isnan(worst) else worst / (largest or 1)
