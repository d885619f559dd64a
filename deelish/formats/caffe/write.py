"""A plan and its arrays as a .caffemodel of the current format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deelish.errors import CaffeError
from deelish.formats.caffe.codec import encode
from deelish.formats.caffe.schema import NET
from deelish.formats.caffe.values import layer_values
from deelish.plan import Plan

# Protocol Buffers count a message's bytes in 31 bits.
LARGEST_FILE = 2**31 - 1


def net_values(plan: Plan, phase: str | None = None) -> dict[str, Any]:
    """The plan as the values of a NetParameter: an Input layer for each input, then the rows.

    Args:
        plan: the network.
        phase: only the rows of this phase, without rules; None for all rows.
    """
    layers: list[dict[str, Any]] = [
        {
            "name": name,
            "type": "Input",
            "top": [name],
            "input_param": {"shape": [{"dim": list(shape)}]},
        }
        for name, shape in plan.inputs.items()
    ]
    for layer in plan.layers:
        if phase is None or layer.runs_in(phase):
            layers.append(layer_values(layer))
            if phase is not None:
                layers[-1].pop("include", None)
    return {"name": plan.name, "layer": layers}


def caffemodel_bytes(
    plan: Plan, arrays: Mapping[str, Mapping[str, np.ndarray]], note: str | None = None
) -> bytes:
    """The bytes of a .caffemodel that Caffe and OpenCV read; the note is in a field of its own.

    Args:
        plan: the network; layers of the training phase are written with an include rule.
        arrays: float32 arrays by layer and by blob name, shaped as in ``plan.weights``.
        note: text that `read_net` gives back; None for a file such as Caffe itself writes.

    Raises:
        CaffeError: an array is missing or has another shape, or the file would pass 2 GiB.
    """
    values = net_values(plan)
    for layer in values["layer"]:
        # An Input layer may bear the name of a layer that has weights.
        if layer["type"] != "Input" and layer["name"] in plan.weights:
            layer["blobs"] = _blobs(plan, layer["name"], arrays)
    content = encode(values | ({} if note is None else {"note": note}), NET)
    if len(content) > LARGEST_FILE:
        raise CaffeError(
            f"{plan.name}: takes {len(content):,} bytes, and Caffe reads at most {LARGEST_FILE:,};"
            " save it in another format"
        )
    return content


def _blobs(
    plan: Plan, name: str, arrays: Mapping[str, Mapping[str, np.ndarray]]
) -> list[dict[str, Any]]:
    blobs = []
    for key, blob in plan.weights[name].items():
        array = arrays.get(name, {}).get(key)
        if array is None or array.shape != blob.shape:
            got = "is missing" if array is None else f"has the shape {array.shape}"
            raise CaffeError(f"{plan.name}: layer {name!r}: {key} {got}; give {blob.shape}")
        blobs.append({"shape": {"dim": list(blob.shape)}, "data": array})
    return blobs
