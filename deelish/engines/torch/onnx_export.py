"""A torch module as an ONNX model, by PyTorch's own exporter, for any number of images."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from deelish.common.extras import ONNX
from deelish.engines.inference import Part, logits_of
from deelish.engines.learning import ONNX_DATA, ONNX_LOGITS
from deelish.errors import FileError, first_line

# The exporter would fix a size of 0 or 1 for good, so the example has two images.
IMAGES = 2
MOST_IMAGES = 65536


class LogitsModule(nn.Module):
    """The user's module alone: an input to logits (n, classes), or to images."""

    def __init__(self, name: str, module: nn.Module, output: Part) -> None:
        super().__init__()
        self.name, self.module, self.output = name, module, output

    def forward(self, values: Tensor) -> Tensor:
        logits: Tensor = logits_of(self.name, self.module(values), torch.is_tensor, self.output)
        return logits.flatten(1) if logits.shape[2:].numel() == 1 else logits


def onnx_of(name: str, module: nn.Module, output: Part, values: Tensor) -> bytes:
    """The model of a module, in evaluation mode: input "data", output "logits", any batch size.

    Args:
        name: what errors call it.
        module: the module, in evaluation mode.
        output: which part of its output the logits are, where it makes several.
        values: an input; its first two images are the example.

    Raises:
        FileError: a package is missing, or the exporter fails.
    """
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise FileError(
            f"{name}: writing a torch module as .onnx needs the package onnxscript; {ONNX}"
        ) from None
    example, logits = values[:IMAGES].contiguous(), LogitsModule(name, module, output).eval()
    with quiet():
        try:
            program = _program(logits, example)
        except Exception as error:
            program = _without_fused_attention(name, logits, example, error)
        content: bytes = program.model_proto.SerializeToString()
    return content


def _program(module: nn.Module, example: Tensor) -> Any:
    batch = torch.export.Dim("batch", min=1, max=MOST_IMAGES)
    return torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        input_names=[ONNX_DATA],
        output_names=[ONNX_LOGITS],
        dynamic_shapes=({0: batch},),
        verbose=False,
    )


def _without_fused_attention(
    name: str, module: nn.Module, example: Tensor, first: Exception
) -> Any:
    """The model with timm's attention in single steps, which the exporter knows for all shapes."""
    parts = [part for part in module.modules() if getattr(part, "fused_attn", False)]
    if not parts:
        raise _failed(name, first)
    for part in parts:
        part.fused_attn = False  # type: ignore[assignment]
    try:
        return _program(module, example)
    except Exception as error:
        raise _failed(name, error) from error
    finally:
        for part in parts:
            part.fused_attn = True  # type: ignore[assignment]


def _failed(name: str, error: Exception) -> FileError:
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return FileError(
        f"{name}: PyTorch cannot export it as .onnx ({first_line(cause)}); write .safetensors"
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Export without the exporter's progress, warnings and advice; its errors are raised."""
    before, nowhere = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
