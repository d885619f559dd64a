"""Checks that a written file gives the same outputs as the network that was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deelish.formats.onnx.outputs import output_blobs
from deelish.formats.onnx.runtime import open_session
from deelish.network.model import Model
from deelish.network.opening import parts_of_file
from deelish.plan.sequence_format import CONT, DATA, SequenceFormat

# What rounding explains: the largest difference as a fraction of the blob's largest number.
TOLERANCE = 1e-4

Blobs = dict[str, np.ndarray]


def largest_difference(network: Model, path: Path) -> tuple[float, str]:
    """Run both on the same inputs: the largest relative difference, and its blob.

    onnxruntime runs an .onnx, deelish runs other files. A model for images of any size is run on
    larger ones too.

    Raises:
        FileError: onnxruntime is missing.
        PlanError: the network has no outputs but losses.
    """
    if path.suffix.lower() == ".onnx":
        return _difference_of_onnx(network, path)
    inputs = inputs_for(network)
    ours = network.run(inputs, output_blobs(network.plan))
    return _worst(ours, Model.of(parts_of_file(path)).run(inputs, list(ours)))


def _difference_of_onnx(network: Model, path: Path) -> tuple[float, str]:
    """That of images of the network's size, and where the model takes any, of larger ones too."""
    session = open_session(str(path))
    names = [value.name for value in session.get_outputs()]
    shapes = {value.name: value.shape for value in session.get_inputs()}
    given = inputs_for(network)
    free = {name for name, shape in shapes.items() if shape[2:] == ["height", "width"]}
    larger = {name: _enlarged(values) for name, values in given.items() if name in free}
    found = []
    for inputs in (given, {**given, **larger})[: 2 if free else 1]:
        ours = network.run(inputs, output_blobs(network.plan))
        theirs = session.run(names, {name: inputs[name] for name in shapes})
        found.append(_worst(ours, dict(zip(names, theirs, strict=True))))
    return max(found)


def _worst(ours: Blobs, theirs: Blobs) -> tuple[float, str]:
    """The largest difference, and its blob."""
    differences = {blob: _difference(values, theirs[blob]) for blob, values in ours.items()}
    worst = max(differences, key=lambda blob: differences[blob])
    return differences[worst], worst


def _enlarged(images: np.ndarray) -> np.ndarray:
    """Images that are higher by 3 pixels and wider by 8: their own pixels go on, mirrored."""
    grown: np.ndarray = np.pad(images, ((0, 0), (0, 0), (0, 3), (0, 8)), "symmetric")
    return grown


def inputs_for(network: Model) -> Blobs:
    """Random inputs, the same every time: images as the network's preprocessing gives them.

    Inputs that are no images are 0 or 1, since they may be indices, sequence marks or labels.
    """
    rng = np.random.default_rng(0)
    if network.sequences is not None:
        return _sequences(network.sequences, rng)
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


def _sequences(form: SequenceFormat, rng: np.random.Generator) -> Blobs:
    """Two sequences of three steps, without padding."""
    if form.is_text:
        steps = [rng.integers(0, len(form.vocabulary), 3) for _ in range(2)]
    else:
        steps = [rng.uniform(-1, 1, (3, form.fields)).astype(np.float32) for _ in range(2)]
    made = form.padded(steps)
    return {DATA: made.data, CONT: made.cont}


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
