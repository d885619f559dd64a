"""Signs that teacher and student are swapped, each said once a run: a warning, never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deelish.common.printing import say
from deelish.distillation.contract import CanTeach

if TYPE_CHECKING:
    from deelish.network.network import Network
    from deelish.training.run import Run

# Images of known labels before a teacher's accuracy says anything.
ENOUGH = 200
# A good teacher may be the smaller of the two: GoogLeNet has 7.0 million parameters and the NIN
# that it teaches 7.6. Less than this share of the student's is a sign.
SHARE = 0.5
CURE = "teacher and student may be swapped"


class Record:
    """What was seen of one teacher of one student in one run."""

    def __init__(self) -> None:
        self.images = self.right = 0
        self.labels: set[int] = set()
        self.judged = False


def suspect(student: Network, teacher: CanTeach, logits: np.ndarray, run: Run) -> None:
    """Look at an answer: logits (n, classes) of the student's classes to this batch."""
    if (student, teacher) not in run.records:
        _look_at_size(student, teacher)
    record = run.records.setdefault((student, teacher), Record())
    if run.images.labels is None or record.judged:
        return
    labels = run.images.labels.value
    record.images += len(labels)
    record.right += int((logits.argmax(1) == labels).sum())
    record.labels.update(labels.tolist())
    if record.images >= ENOUGH:
        # Judged once: a teacher at chance would fall below it sooner or later.
        record.judged = True
        _look_at_accuracy(student, teacher, record)


def _look_at_size(student: Network, teacher: CanTeach) -> None:
    size, other = teacher.parameters, student.parameters
    if size is not None and size < SHARE * other:
        say(
            f"{teacher.name} has {size:,} parameters and teaches {student.name}, which has"
            f" {other:,}; {CURE}"
        )


def _look_at_accuracy(student: Network, teacher: CanTeach, record: Record) -> None:
    # Images of one class alone are images whose labels are not known.
    if len(record.labels) > 1 and record.right * student.plan.classes < record.images:
        say(
            f"{teacher.name} names {record.right} of {record.images} images right, which is worse"
            f" than chance among {student.plan.classes} classes, and teaches {student.name};"
            f" {CURE}, or its labels are in another order"
        )
