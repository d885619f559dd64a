"""The numbers of each network as plain values: one row a network, one a class, one an image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from deelish.comparison.calibration import calibration_error, reliability
from deelish.comparison.devices import Device
from deelish.comparison.entrants import Entrant
from deelish.comparison.interval import wilson
from deelish.comparison.measure import Answers
from deelish.comparison.memory import FLOAT, peak_memory
from deelish.comparison.pictures import ImageList
from deelish.comparison.timing import milliseconds
from deelish.images.sample import Sample
from deelish.network.model import Model
from deelish.plan import summary

BATCHES = (1, 32)
MOST_DIFFERENT = 8

Row = dict[str, Any]
Names = Sequence[str] | None


def row_of(entrant: Entrant, made: Answers | None, speed: Row, device: Device | None) -> Row:
    """All numbers of one network by name; None where there is none, and `missing` says why."""
    quality = _quality(made) if made is not None else dict.fromkeys(_QUALITY)
    if entrant.key == "teacher":
        quality |= dict.fromkeys(("agreement", "agreement_at_5", "kl"))
    cost = _cost(entrant)
    fits = None if device is None else device.fits(cost["memory_bytes"], cost["file_bytes"])
    about = {"name": entrant.network.name, "kind": entrant.kind, "missing": entrant.missing}
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


def _quality(made: Answers) -> Row:
    low, high = wilson(int(made.correct.sum()), len(made.correct))
    bins = reliability(made.confidence, made.correct)
    values = (
        float(made.correct.mean()),
        low,
        high,
        float(made.agrees.mean()),
        float(made.among.mean()),
        float(made.divergence.mean()),
        calibration_error(bins),
        [each.to_dict() for each in bins],
    )
    return dict(zip(_QUALITY, values, strict=True))


def _cost(entrant: Entrant) -> Row:
    network = entrant.network
    plan = network.plan if isinstance(network, Model) and entrant.logits else None
    width = FLOAT if entrant.kind == "float32" else 1
    return {
        "parameters": network.parameters if entrant.logits else None,
        "multiply_adds": None if plan is None else summary.multiply_adds(plan),
        "file_bytes": entrant.file,
        "memory_bytes": None if plan is None else peak_memory(plan, width),
    }


def speeds_of(entrants: Sequence[Entrant], images: ImageList) -> dict[str, Row]:
    """Milliseconds an image by the key of the entrant, for each size of batch."""
    rows: dict[str, Row] = {each.key: {} for each in entrants}
    for count in BATCHES:
        given = images.repeated(count)
        calls = {e.key: partial(e.logits, given) for e in entrants if e.logits is not None}
        found = milliseconds(calls, count)
        for key, row in rows.items():
            row[f"ms_{count}"] = found.get(key)
    return rows


def class_rows(made: Answers, labels: np.ndarray, names: Names) -> list[Row]:
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
    teacher: Answers, student: Answers, items: Sequence[Sample], names: Names
) -> list[Row]:
    """The images with the highest KL(teacher || student), highest first: both answers."""
    worst = np.argsort(-student.divergence, kind="stable")[:MOST_DIFFERENT].tolist()
    return [
        {
            "path": str(items[place].path),
            "true": name_of(items[place].label, names),
            "teacher": name_of(int(teacher.first[place]), names),
            "teacher_confidence": float(teacher.confidence[place]),
            "student": name_of(int(student.first[place]), names),
            "student_confidence": float(student.confidence[place]),
            "kl": float(student.divergence[place]),
        }
        for place in worst
    ]


def name_of(label: int, names: Names) -> str:
    """The name of a class, or its number where it has none."""
    return names[label] if names else str(label)
