"""Networks as ONNX models, for other programs: written, never read."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from deelish.common.printing import say
from deelish.errors import FileError
from deelish.formats.onnx.model import model_of
from deelish.formats.onnx.notes import notes_of
from deelish.formats.onnx.proto import proto_of
from deelish.formats.saved_network import SavedNetwork


def to_bytes(network: SavedNetwork) -> bytes:
    """The model of a network as it is in evaluation mode.

    Raises:
        PlanError: a layer has no counterpart in ONNX; it is named.
        FileError: the package onnx is not there, or the weights are too many.
    """
    model = model_of(network.plan, network.values, sequences=network.sequences is not None)
    read = network.preprocessing if network.sequences is None else network.sequences
    notes = notes_of(read, network.labels, model.logits)
    content: bytes = proto_of(network.plan.name, model, notes).SerializeToString()
    if model.batch is not None:
        say(f"{network.plan.name}: the .onnx takes {model.batch} items at a time, no other")
    return content


def read(path: Path) -> NoReturn:
    """Refuse: a model of ONNX has no rows left to build a network from."""
    raise FileError(
        f"{path}: deelish writes .onnx and does not read it; give the .caffemodel, .hdf5 or"
        " .safetensors"
    )
