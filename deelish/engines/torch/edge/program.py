"""One exported program of a network in evaluation mode, which the converters read from a file."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from deelish.engines.inference import Part
from deelish.engines.torch.edge.constants import with_constants
from deelish.engines.torch.edge.rows import RowsModule
from deelish.engines.torch.module import PlanModule
from deelish.engines.torch.onnx_export import LogitsModule, quiet
from deelish.errors import FileError, first_line
from deelish.plan.plan import Plan

FILE = "module.pt2"
# What the program takes: one image, as a device gets them.
IMAGES = 1

Names = dict[str, str]


def program_of_rows(
    folder: Path, plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]], shape: tuple[int, ...]
) -> Names:
    """Write the program of a plan; returns what errors call each module within it.

    Raises:
        FileError: PyTorch cannot export it.
    """
    module = RowsModule(plan, values)
    _write(folder, plan.name, module, torch.zeros(IMAGES, *shape))
    return module.labels


def logits_of_rows(
    plan: Plan, values: Mapping[str, Mapping[str, np.ndarray]]
) -> Callable[[np.ndarray], np.ndarray]:
    """What a plan computes in float32 on the CPU, whatever engine and precision it has.

    The function takes float32 (n, channels, height, width), and gives logits (n, ...).
    """
    module = PlanModule(plan, values, torch.Generator()).eval()

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(images)).numpy())

    return run


def program_of_module(
    folder: Path, name: str, module: nn.Module, output: Part, shape: tuple[int, ...]
) -> Names:
    """Write the program of a module of another library, in evaluation mode.

    Args:
        folder: where it is written.
        name: what errors call it.
        module: the module.
        output: which part of its output the logits are.
        shape: (channels, height, width) of an image.

    Raises:
        FileError: PyTorch cannot export it.
    """
    if any(value.device.type != "cpu" for value in module.parameters()):
        module = copy.deepcopy(module).cpu()
    _write(folder, name, LogitsModule(name, module, output), torch.zeros(IMAGES, *shape))
    return {f"module.{path}": f"module {path!r}" for path, _ in module.named_modules() if path}


def _write(folder: Path, name: str, module: nn.Module, example: Tensor) -> None:
    with quiet(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            first = torch.export.export(module.eval(), (example,))
            plain = with_constants(_contiguous(first.module()))
            program = torch.export.export(plain, (example,))
            torch.export.save(program, folder / FILE)
        except OSError:
            raise
        except Exception as error:
            raise FileError(
                f"{name}: PyTorch cannot export it ({first_line(error)}); write .safetensors"
            ) from error


def _contiguous(graph: Any) -> Any:
    """The graph with weights in PyTorch's usual layout: XNNPACK's lowering takes no other.

    Its arrays are the network's own, which stay as they are.
    """
    for part in graph.modules():
        for name, value in list(part.named_parameters(recurse=False)):
            part.register_parameter(name, nn.Parameter(value.detach().contiguous(), False))
        for name, value in list(part.named_buffers(recurse=False)):
            part.register_buffer(name, value.detach().contiguous())
    return graph
