"""From an exported program to a .pte for XNNPACK, by ExecuTorch and torchao: a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from deelish.engines.child import images_in, serve
from deelish.engines.torch.edge.place import place_in, program_in

MADE = "made.pte"
_programs: list[Any] = []


def convert(folder: Path, precision: str, int8: bool, weights: str) -> None:
    """Write the .pte of the folder's program.

    Args:
        folder: holds the program, and for int8 the images to calibrate on.
        precision: "float32", or "float16" for weights and activations of 16 bits; input and output
            stay float32.
        int8: whether weights and activations are of 8 bits; input and output stay float32.
        weights: "channel" or "tensor", what has a scale of its own in int8.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    program = program_in(folder)
    _programs.append(program)
    example = program.example_inputs[0]
    if int8:
        program = _quantised(program, images_in(folder), weights)
    elif precision == "float16":
        with torch.no_grad():
            program = torch.export.export(_Halved(program.module()), example)
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    (folder / MADE).write_bytes(lowered.to_executorch().buffer)


class _Halved(torch.nn.Module):
    """A module in float16 whose input and output are float32."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module.half()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.module(values.half())
        return made.float()


def _quantised(program: Any, images: np.ndarray, weights: str) -> Any:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    quantizer = XNNPACKQuantizer()
    config = get_symmetric_quantization_config(is_per_channel=weights == "channel")
    prepared = prepare_pt2e(program.module(), quantizer.set_global(config))
    with torch.no_grad():
        for image in images:
            prepared(torch.from_numpy(image[None]))
        converted = convert_pt2e(prepared)
        return torch.export.export(converted, program.example_inputs[0])


if __name__ == "__main__":
    serve(convert, lambda error: place_in(_programs[-1], error) if _programs else "")
