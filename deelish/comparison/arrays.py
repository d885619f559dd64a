"""The numbers of networks whose outputs are images or other arrays, and no classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deelish.common.progress import Bar
from deelish.comparison.images import ImageList
from deelish.comparison.variants import Variant
from deelish.distillation.array_losses import ArrayPair, binary_cross_entropy, squared_error
from deelish.engines import open_engine
from deelish.errors import DataError, TrainingError
from deelish.network.predictor import Predictor

ABOUT = (
    "binary cross-entropy, in nats, and mean squared error: of the output to the image as the"
    " network sees it, means over all numbers; difference from the teacher: the mean over all"
    " numbers of the absolute difference"
)


@dataclass
class Sums:
    """Sums over all numbers of one network's outputs, in float64.

    They are NaN where there is no target, or where one is outside of 0 to 1.
    """

    numbers: int = 0
    entropy: float = 0.0
    squares: float = 0.0
    differences: float = 0.0

    def add(self, output: np.ndarray, target: np.ndarray | None, teacher: np.ndarray) -> None:
        """Add a batch, arrays (n, ...) of one shape."""
        p = output.astype(np.float64)
        self.numbers += p.size
        self.differences += float(np.abs(p - teacher).sum())
        if target is None:
            self.entropy = self.squares = math.nan
            return
        t = target.astype(np.float64)
        pair = ArrayPair(open_engine("numpy", -1), p, t)
        self.squares += float(squared_error(pair))
        if min(p.min(), t.min()) < 0 or max(p.max(), t.max()) > 1:
            self.entropy = math.nan
        else:
            self.entropy += float(binary_cross_entropy(pair))

    def quality(self, is_teacher: bool) -> dict[str, Any]:
        """The numbers of the report, None where there are none."""
        means = {
            "cross_entropy": self.entropy / self.numbers,
            "mse": self.squares / self.numbers,
            "difference": math.nan if is_teacher else self.differences / self.numbers,
        }
        return {key: None if math.isnan(value) else value for key, value in means.items()}


# What a network has that could not be measured.
NO_QUALITY = dict.fromkeys(("cross_entropy", "mse", "difference"))


def check_shapes(networks: Sequence[Predictor]) -> None:
    """Refuse networks that cannot be compared number by number.

    Raises:
        DataError: some have classes and some have none, or their outputs have different shapes.
    """
    for each in networks:
        if each.has_classes:
            raise DataError(
                f"Compare: {each.name} has classes, and others have none; give networks that make"
                " the same"
            )
    shapes = {each.name: each.output_shape for each in networks}
    if len(set(shapes.values())) > 1:
        listed = ", ".join(f"{name} {' x '.join(map(str, s))}" for name, s in shapes.items())
        raise DataError(f"Compare: outputs of different shapes: {listed}; give them one shape")


def measure_arrays(images: ImageList, variants: Sequence[Variant]) -> dict[str, dict[str, Any]]:
    """The numbers of the report for each variant that runs, the first of which is the teacher.

    Raises:
        TrainingError: an output is NaN or infinite.
    """
    runnable = [(each, each.logits) for each in variants if each.logits is not None]
    sums, seen = {each.key: Sums() for each, _ in runnable}, 0
    teacher, student = (each.key for each in variants[:2])
    with Bar("compare", len(images.items)) as bar:
        for batch in images:
            outputs = {each.key: output_of(batch) for each, output_of in runnable}
            for each, _ in runnable:
                output = outputs[each.key]
                _check_finite(each, output, images, seen)
                rule = each.network.preprocessing
                target = rule.apply(batch.pixels(rule))
                shown = target if target.shape == output.shape else None
                sums[each.key].add(output, shown, outputs[teacher])
            seen += len(batch)
            found = sums[student].differences / sums[student].numbers
            bar.step(len(batch), found, None, None)
    return {key: each.quality(key == teacher) for key, each in sums.items()}


def _check_finite(variant: Variant, output: np.ndarray, images: ImageList, start: int) -> None:
    bad = np.flatnonzero(~np.isfinite(output.reshape(len(output), -1)).all(1))
    if len(bad):
        raise TrainingError(
            f"{variant.network.name}: its output for {images.items[start + bad[0]].path} is NaN or"
            " infinite; load weights that are finite, or train it at a lower learning rate"
        )
