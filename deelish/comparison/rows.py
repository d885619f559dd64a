"""The numbers of each network as plain values: one row a network, one a class, one an image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from deelish.comparison.calibration import calibration_error, reliability
from deelish.comparison.devices import Device
from deelish.comparison.interval import wilson
from deelish.comparison.measure import Predictions
from deelish.comparison.sequences import AnyList
from deelish.comparison.timing import milliseconds
from deelish.comparison.variants import INT8, Variant
from deelish.network.learner import Learner

BATCHES = (1, 32)
# Bytes a number.
FLOAT, BYTE = 4, 1
MOST_DIFFERENT = 12

Row = dict[str, Any]
Names = Sequence[str] | None


def quality_of(variant: Variant, made: Predictions | None) -> Row:
    """How well a network of classes predicts; None where that is not known."""
    quality = _quality(made) if made is not None else dict.fromkeys(_QUALITY)
    if variant.key == "teacher":
        quality |= dict.fromkeys(("agreement", "agreement_at_5", "kl"))
    return quality


def row_of(variant: Variant, quality: Row, speed: Row, device: Device | None) -> Row:
    """All numbers of one network by name; None where one is not known; `missing` has the reason."""
    cost = _cost(variant)
    fits = None if device is None else device.fits(cost["memory_bytes"], cost["file_bytes"])
    about = {"name": variant.network.name, "kind": variant.kind, "missing": variant.missing}
    return {**about, **quality, **cost, **speed, "fits": fits}


_QUALITY = (
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "agreement",
    "agreement_at_5",
    "kl",
    "ece",
    "reliability",
)


def _quality(made: Predictions) -> Row:
    low, high = wilson(int(made.correct.sum()), len(made.correct))
    bins = reliability(made.confidence, made.correct)
    values = (
        float(made.correct.mean()),
        low,
        high,
        float(made.agrees.mean()),
        float(made.in_top_5.mean()),
        float(made.divergence.mean()),
        calibration_error(bins),
        [each.to_dict() for each in bins],
    )
    return dict(zip(_QUALITY, values, strict=True))


def _cost(variant: Variant) -> Row:
    network = variant.network
    learner = network if isinstance(network, Learner) and variant.logits else None
    numbers = None if learner is None else learner.peak_numbers
    width = BYTE if variant.kind == INT8 else FLOAT
    return {
        "parameters": network.parameters if variant.logits else None,
        "multiply_adds": None if learner is None else learner.multiply_adds,
        "file_bytes": variant.file,
        "memory_bytes": None if numbers is None else width * numbers,
    }


def speeds_of(variants: Sequence[Variant], images: AnyList) -> dict[str, Row]:
    """Milliseconds an image by the key of the variant, for each batch size."""
    rows: dict[str, Row] = {each.key: {} for each in variants}
    for count in BATCHES:
        given = images.repeated(count)
        calls = {e.key: partial(e.logits, given) for e in variants if e.logits is not None}
        by_onnx = {e.key: partial(e.by_onnx, given) for e in variants if e.by_onnx is not None}
        # Those of int8 have no other runtime, and are timed once.
        own = {e.key for e in variants if e.by_onnx is e.logits}
        others = {f"{key} by onnx": call for key, call in by_onnx.items() if key not in own}
        found = milliseconds(calls | others, count)
        for key, row in rows.items():
            row[f"ms_{count}"] = found.get(key)
            if by_onnx:
                name = key if key in own else f"{key} by onnx"
                row[f"onnx_ms_{count}"] = found.get(name)
    return rows


def class_rows(made: Predictions, labels: np.ndarray, names: Names) -> list[Row]:
    """For each true class of the list: images, agreement with the teacher, accuracy."""
    rows = []
    for label in np.unique(labels).tolist():
        own = labels == label
        rows.append(
            {
                "label": label,
                "name": name_of(label, names),
                "images": int(own.sum()),
                "agreement": float(made.agrees[own].mean()),
                "accuracy": float(made.correct[own].mean()),
            }
        )
    return rows


def different_rows(
    teacher: Predictions, student: Predictions, images: AnyList, names: Names
) -> list[Row]:
    """The images with the highest KL(teacher || student), highest first, and both predictions."""
    labels = images.labels
    return [
        {
            "path": str(images.items[index].path),
            "true": name_of(int(labels[index]), names),
            "teacher": name_of(int(teacher.predicted[index]), names),
            "teacher_confidence": float(teacher.confidence[index]),
            "student": name_of(int(student.predicted[index]), names),
            "student_confidence": float(student.confidence[index]),
            "kl": float(student.divergence[index]),
        }
        for index in most_different(student)
    ]


def most_different(student: Predictions) -> list[int]:
    """The indices of the images with the highest KL(teacher || student), highest first."""
    worst: list[int] = np.argsort(-student.divergence, kind="stable")[:MOST_DIFFERENT].tolist()
    return worst


def name_of(label: int, names: Names) -> str:
    """The name of a class, or its number where it has none."""
    return names[label] if names else str(label)
