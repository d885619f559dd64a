"""Losses that compare the images of a batch with each other, over the batch of all processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deelish.engines.base import Engine


def over_whole_batch(
    engine: Engine, fraction: float, loss: Callable[..., Any], student: Any, teacher: Any
) -> Any:
    """The loss of all images of the batch, though this process has a fraction of them.

    Every process computes the same number. Its gradient goes through the rows of its own student
    alone, and is divided by the fraction: the mean over processes, each by its fraction, then has
    the gradient of the whole.

    Args:
        engine: that of the student.
        fraction: this process's fraction of the batch; 0 where it has a substitute.
        loss: two arrays (n, ...), student first -> scalar.
        student, teacher: the rows of this process.
    """
    group = engine.group
    if group.world_size == 1:
        return loss(student, teacher)
    whole = loss(*(group.all_gather_rows(rows, fraction > 0) for rows in (student, teacher)))
    if not fraction:
        # It takes part in the update of the others, with no gradient of its own.
        return whole + engine.sum(student) * 0
    number = engine.detach(whole)
    return number + (whole - number) / fraction
