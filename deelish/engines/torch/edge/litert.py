"""From an exported program to a .tflite, by litert-torch and ai-edge-quantizer: a child process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from deelish.engines.child import images_in, serve
from deelish.engines.torch.edge.place import place_in, program_in

MADE = "made.tflite"
_programs: list[Any] = []


def convert(folder: Path, precision: str, int8: bool, weights: str) -> None:
    """Write the .tflite of the folder's program, channels last.

    Args:
        folder: holds the program, and for int8 the images to calibrate on.
        precision: "float32", or "float16" for weights of 16 bits; what it computes is float32.
        int8: whether weights and activations, input and output are of 8 bits.
        weights: "channel" or "tensor", what has a scale of its own in int8.
    """
    import litert_torch

    program = program_in(folder)
    _programs.append(program)
    module = litert_torch.to_channel_last_io(program.module(), args=[0])
    (example,) = program.example_inputs[0]
    made = litert_torch.convert(module, (example.permute(0, 2, 3, 1).contiguous(),))
    made.export(str(folder / MADE))
    if int8:
        _quantise(folder, weights)
    elif precision == "float16":
        _halve(folder)


def _quantise(folder: Path, weights: str) -> None:
    from ai_edge_quantizer import calibrator, qtyping, quantizer, recipe_manager
    from ai_edge_quantizer.utils import qsv_utils

    granularity = qtyping.QuantGranularity
    recipe = recipe_manager.RecipeManager()
    recipe.add_static_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=8,
        weight_num_bits=8,
        weight_granularity={"channel": granularity.CHANNELWISE, "tensor": granularity.TENSORWISE}[
            weights
        ],
    )
    # Its own moving average of the ranges forgets the largest logits, and cuts them off.
    ranges = calibrator.Calibrator(
        str(folder / MADE), num_threads=1, qsv_update_func=qsv_utils.min_max_update
    )
    ranges.calibrate(_images(folder), recipe)
    made = quantizer.Quantizer(str(folder / MADE), recipe.get_quantization_recipe())
    _replace(folder, made.quantize(ranges.get_model_qsvs()))


def _images(folder: Path) -> dict[str, list[dict[str, np.ndarray]]]:
    """By the name of the file's one signature its inputs, one image each."""
    from ai_edge_litert.interpreter import Interpreter

    signatures = Interpreter(str(folder / MADE)).get_signature_list()
    ((signature, names),) = signatures.items()
    images = images_in(folder).transpose(0, 2, 3, 1)
    name = names["inputs"][0]
    return {signature: [{name: np.ascontiguousarray(image[None])} for image in images]}


def _halve(folder: Path) -> None:
    from ai_edge_quantizer import qtyping, quantizer

    made = quantizer.Quantizer(str(folder / MADE))
    made.add_weight_only_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        num_bits=16,
        algorithm_key=quantizer.AlgorithmName.FLOAT_CASTING,
    )
    _replace(folder, made.quantize())


def _replace(folder: Path, result: Any) -> None:
    (folder / MADE).write_bytes(bytes(result.quantized_model))


if __name__ == "__main__":
    serve(convert, lambda error: place_in(_programs[-1], error) if _programs else "")
