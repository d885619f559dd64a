"""Signs that teacher and student are swapped, each printed once: a warning, never an error."""

from __future__ import annotations

import numpy as np

from deelish.common.printing import say
from deelish.distillation.memory import TeacherRecord, TeachingMemory
from deelish.network.model import Model
from deelish.network.predictor import Predictor

# Images of known labels before a teacher's accuracy says anything.
ENOUGH = 200
# A good teacher may be the smaller of the two: GoogLeNet has 7.0 million parameters and the NIN
# that it teaches 7.6. Less than this fraction of the student's is a sign.
FRACTION = 0.5
CURE = "teacher and student may be swapped"


def suspect(student: Model, teacher: Predictor, logits: np.ndarray, memory: TeachingMemory) -> None:
    """Look at a teacher's logits (n, classes) to this batch, in the student's classes."""
    if (student, teacher) not in memory.records:
        _look_at_size(student, teacher)
    record = memory.records.setdefault((student, teacher), TeacherRecord())
    if memory.images.labels is None or record.judged:
        return
    labels = memory.images.labels.value
    record.images += len(labels)
    record.correct += int((logits.argmax(1) == labels).sum())
    record.labels.update(labels.tolist())
    if record.images >= ENOUGH:
        # Judged once: a teacher at chance would fall below it sooner or later.
        record.judged = True
        _look_at_accuracy(student, teacher, record)


def _look_at_size(student: Model, teacher: Predictor) -> None:
    size, other = teacher.parameters, student.parameters
    if size is not None and size < FRACTION * other:
        say(
            f"{teacher.name} has {size:,} parameters and teaches {student.name}, which has"
            f" {other:,}; {CURE}"
        )


def _look_at_accuracy(student: Model, teacher: Predictor, record: TeacherRecord) -> None:
    # Images of one class alone are images whose labels are not known.
    if len(record.labels) > 1 and record.correct * student.classes < record.images:
        say(
            f"{teacher.name} predicts {record.correct} of {record.images} images right, which is"
            f" worse than chance among {student.classes} classes, and teaches {student.name};"
            f" {CURE}, or its labels are in another order"
        )
