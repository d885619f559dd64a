"""Warnings that teacher and student may be swapped, each printed once."""

from __future__ import annotations

import numpy as np

from deelish.common.printing import say
from deelish.distillation.label_order import label_order
from deelish.distillation.memory import TeacherRecord, TeachingMemory
from deelish.network.learner import Learner
from deelish.network.predictor import Predictor

# Labelled images that the accuracy of a teacher is judged on.
ENOUGH = 200
# A teacher with a smaller fraction of the student's parameters looks swapped. Not 1: GoogLeNet, a
# good teacher, has 7.0 million parameters, and the NIN that it teaches 7.6.
FRACTION = 0.5
CURE = "teacher and student may be swapped"


def warn_if_swapped(
    student: Learner, teacher: Predictor, logits: np.ndarray, memory: TeachingMemory
) -> None:
    """Look at a teacher's logits (n, classes) for this batch, in the student's classes."""
    if (student, teacher) not in memory.records:
        _check_size(student, teacher)
    record = memory.records.setdefault((student, teacher), TeacherRecord())
    truth = memory.images.labels
    if truth is None or not truth.known or record.judged:
        return
    order = label_order(student, memory)
    labels = truth.value if order is None else order[truth.value]
    record.images += len(labels)
    record.correct += int((logits.argmax(1) == labels).sum())
    record.labels.update(labels.tolist())
    if record.images >= ENOUGH:
        # Judged once: judged again and again, a teacher at chance would fall below it some day.
        record.judged = True
        _check_accuracy(student, teacher, record)


def warn_if_small(student: Learner, teacher: Predictor, memory: TeachingMemory) -> None:
    """Look at the sizes alone, once: of a teacher of arrays no accuracy is known."""
    if (student, teacher) not in memory.records:
        memory.records[student, teacher] = TeacherRecord(judged=True)
        _check_size(student, teacher)


def _check_size(student: Learner, teacher: Predictor) -> None:
    theirs, own = teacher.parameters, student.parameters
    if theirs is not None and theirs < FRACTION * own:
        say(
            f"{teacher.name} has {theirs:,} parameters and teaches {student.name}, which has"
            f" {own:,}; {CURE}"
        )


def _check_accuracy(student: Learner, teacher: Predictor, record: TeacherRecord) -> None:
    # Labels that are all equal are placeholders: the true ones are not known.
    if len(record.labels) > 1 and record.correct * student.classes < record.images:
        noun = "images" if student.sequences is None else student.sequences.noun
        say(
            f"{teacher.name} predicts {record.correct} of {record.images} {noun} right, which is"
            f" worse than chance among {student.classes} classes, and teaches {student.name};"
            f" {CURE}, or its labels are in another order"
        )
