"""Puts the classes of all networks into the order of the first student's."""

from __future__ import annotations

import numpy as np

from deelish.distillation.class_matching import class_order, matched_line
from deelish.errors import DataError
from deelish.network.predictor import Predictor


def order_of(network: Predictor, student: Predictor) -> tuple[np.ndarray | None, str | None]:
    """The index of each class of the student among the network's logits, and a line to print.

    None where the indices are the same.

    Raises:
        DataError: one of them has no names, and the numbers of classes differ.
        TrainingError: a class of the student is not among the network's, or could be several.
    """
    order = class_order(student, network)
    if order is not None:
        return order, matched_line(student, network, order.tolist())
    if network.classes != student.classes:
        raise DataError(
            f"Compare: {network.name} has {network.classes} classes, the student {student.name}"
            f" {student.classes}; give both labels= with names, so that the classes can be matched"
        )
    return None, None
