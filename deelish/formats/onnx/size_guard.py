"""An error at run time for images that a model of any height and width cannot take."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from deelish.formats.onnx.graph import Graph

_NAME = "size_guard"


def guard_sizes(graph: Graph, images: str, least: tuple[int, int], outputs: Iterable[str]) -> None:
    """Make every output an error where the images are too small.

    Operators go on where Caffe refuses: with windows that do not fit, and with sides of 1, which
    they broadcast. A Gather of the last pixel that must be there is an error without it. Shape
    would do too, but OpenCV 4 reads no model with a Shape of free sides.

    Args:
        graph: the graph, all its layers written.
        images: the input, (n, channels, height, width).
        least: the least height and width.
        outputs: the outputs, which keep their names.
    """
    if least == (1, 1):
        return
    pixel = images
    for side in least:
        last = graph.constant(f"{_NAME}/constant", np.array(side - 1, np.int64))
        (pixel,) = graph.node("Gather", [pixel, last], _NAME, 1, {"axis": 2})
    (number,) = graph.node("ReduceMax", [pixel], _NAME, 1, {"keepdims": 0})
    limit = graph.constant(f"{_NAME}/constant", np.zeros((), np.float32))
    (zero,) = graph.node("Clip", [number, limit, limit], _NAME, 1, {})
    for output in outputs:
        made = graph.free(f"{output}/unguarded")
        graph.rename({output: made})
        graph.add("Add", [made, zero], output)
