"""Checks of a model that teaches: finite logits, no randomness, no parameter changed.

Each output is checked for its shape and its numbers. The first batch runs twice, whole and its
first image alone: a model that draws at random, or looks at the whole batch, gives other logits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deelish.engines.inference import CHANGED, InferenceModel
from deelish.errors import DeelishError, TrainingError, first_line

# As a fraction of the largest logit: another batch size rounds differently, most in half precision.
ROUNDING = 0.05


def checked_logits(model: InferenceModel, values: Any, guarded: bool = False) -> np.ndarray:
    """The model's logits for float32 (n, channels, size, size): float32 (n, classes).

    A model whose output is no logits gives that, (n, ...); its first output shows whether it is an
    image. The numbers of a training, which is
    `guarded`, may hold NaN and infinity.

    Raises:
        TrainingError: it fails, or its output has another shape or numbers that are not finite.
    """
    output = output_of(model, values)
    shape, rule = output.shape, model.image_rule
    if model.output_shape is None and rule is not None:
        model.output_shape = rule.image_shape(shape)
    expected = model.output_shape
    if expected is not None:
        if shape != (len(values), *expected):
            raise TrainingError(
                f"{model.name}: its output for {len(values)} images is {shape}, where"
                f" {(len(values), *expected)} is expected"
            )
    elif len(shape) < 2 or shape[0] != len(values) or math.prod(shape[2:]) != 1 or not shape[1]:
        raise TrainingError(
            f"{model.name}: its output for {len(values)} images is {shape}, where logits"
            f" ({len(values)}, classes) are needed; give the {model.kind} with its classifier"
        )
    if output.dtype.kind != "f" or not (guarded or np.isfinite(output).all()):
        numbers = f"numbers of {output.dtype}" if output.dtype.kind != "f" else "NaN or infinity"
        raise TrainingError(
            f"{model.name}: its output holds {numbers}, where finite logits are needed; look at its"
            " weights, and at mean= and scale= of its pixels"
        )
    rows = output if expected is not None else output.reshape(shape[:2])
    return rows.astype(np.float32, copy=False)


def output_of(model: InferenceModel, values: Any, layer: str | None = None) -> np.ndarray:
    """The output of the model, or of one of its layers; its own errors become one sentence.

    Raises:
        TrainingError: the model fails.
    """
    try:
        output: Any = model.run(values) if layer is None else model.feature(values, layer)
    except DeelishError:
        raise
    except Exception as error:
        raise TrainingError(
            f"{model.name}: the {model.kind} fails on images {tuple(values.shape)}"
            f" ({first_line(error)}); look at its"
            " size= and order="
        ) from error
    return np.asarray(output)


def first_logits(model: InferenceModel, values: Any, guarded: bool = False) -> np.ndarray:
    """The logits (n, classes) of the first batch, after all checks.

    Those that hold NaN or infinity, in a training, are not compared.

    Raises:
        TrainingError: the model fails a check.
    """
    before = model.checksums()
    logits = checked_logits(model, values, guarded)
    # Before the second run: a model that trains itself gives other logits there, too.
    if model.checksums() != before:
        raise TrainingError(f"{model.name}: {CHANGED}")
    if not np.isfinite(logits).all():
        return logits
    alone = checked_logits(model, values[:1])
    if alone.shape[1] != logits.shape[1]:
        raise TrainingError(
            f"{model.name}: gives {logits.shape[1]} logits an image for a batch and"
            f" {alone.shape[1]} for its first image alone; give each image as many"
        )
    if np.abs(alone[0] - logits[0]).max() > ROUNDING * max(np.abs(logits[0]).max(), 1e-3):
        raise TrainingError(
            f"{model.name}: gives one image two different outputs, once among {len(values)} and"
            " once alone; take out what draws at random, or depends on the whole batch, in"
            " inference"
        )
    return logits
