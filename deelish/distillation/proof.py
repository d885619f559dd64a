"""Proofs that a foreign model can teach: logits for each image, in test mode, and unchanged by it.

Every answer is checked for its shape and its numbers. Once, on the first images, the model answers
twice: what is drawn by chance or depends on the other images of a batch differs then.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deelish.engines.inference import CHANGED, InferenceModel
from deelish.errors import DeelishError, TrainingError, first_line

# Of the largest logit: what rounding makes of another number of images, in half precision too.
ROUNDING = 0.05


def scores(model: InferenceModel, values: np.ndarray) -> np.ndarray:
    """The model's answer to float32 (n, channels, size, size): logits, float32 (n, classes).

    Raises:
        TrainingError: it fails, or answers with another shape or numbers that are not finite.
    """
    answer = output_of(model, values)
    shape = answer.shape
    if len(shape) < 2 or shape[0] != len(values) or math.prod(shape[2:]) != 1 or not shape[1]:
        raise TrainingError(
            f"{model.name}: answered {shape} to {len(values)} images, where logits"
            f" ({len(values)}, classes) are wanted; give the {model.kind} with its classifier"
        )
    if answer.dtype.kind != "f" or not np.isfinite(answer).all():
        numbers = f"numbers of {answer.dtype}" if answer.dtype.kind != "f" else "NaN or infinity"
        raise TrainingError(
            f"{model.name}: answered with {numbers}, where finite logits are wanted; look at its"
            " weights, and at mean= and scale= of its pixels"
        )
    return answer.reshape(shape[:2]).astype(np.float32, copy=False)


def output_of(model: InferenceModel, values: np.ndarray, layer: str | None = None) -> np.ndarray:
    """What the model, or one of its layers, makes of the input; its own errors in one sentence.

    Raises:
        TrainingError: the model fails.
    """
    try:
        answer: Any = model.run(values) if layer is None else model.feature(values, layer)
    except DeelishError:
        raise
    except Exception as error:
        raise TrainingError(
            f"{model.name}: the {model.kind} fails on images {values.shape}"
            f" ({first_line(error)}); look at its"
            " size= and order="
        ) from error
    return np.asarray(answer)


def prove(model: InferenceModel, values: np.ndarray) -> np.ndarray:
    """The answer to a first batch, and the proofs.

    Raises:
        TrainingError: the model cannot teach.
    """
    before = model.fresh_digest()
    answer = scores(model, values)
    # First of all: what changes itself answers in another way, too.
    if model.fresh_digest() != before:
        raise TrainingError(f"{model.name}: {CHANGED}")
    alone = scores(model, values[:1])
    if alone.shape[1] != answer.shape[1]:
        raise TrainingError(
            f"{model.name}: answered {answer.shape[1]} classes to a batch and {alone.shape[1]} to"
            " its first image; each image wants as many"
        )
    if np.abs(alone[0] - answer[0]).max() > ROUNDING * max(np.abs(answer[0]).max(), 1e-3):
        raise TrainingError(
            f"{model.name}: answered the same image in two ways, once among {len(values)} and once"
            " alone; take out what draws by chance, or looks at the whole batch, while it answers"
        )
    return answer
