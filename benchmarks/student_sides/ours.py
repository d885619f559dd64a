"""deelish's sides: a model of timm as a `Student`, by the verbs of a script."""

import timm
from speed.work import Epoch

from deelish import *
from deelish import Student
from student_sides.photographs import CLASSES, list_of
from student_sides.recipe import LR, SIZE, TEACHER, TEMPERATURE


class Train(Epoch):
    """An epoch of BatchTrain on labels alone, or with a teacher too.

    views: those of InputBatch. With views=1 the first round fills the teacher cache.
    """

    def __init__(self, setting, student, precision, taught, views=None):
        super().__init__(setting)
        self.type = precision
        self.session = Deel(engine="torch", precision=precision)
        self.student = Student(f"timm/{student}", labels=CLASSES, pretrained=False)
        self.teacher = None
        if taught:
            model = timm.create_model(TEACHER, num_classes=CLASSES)
            self.teacher = Teacher(model, labels=CLASSES, size=SIZE)
        self.sets = InputBatch(
            list_of(setting), batch_size=setting.batch, augment="random_resized_crop", views=views
        )

    def workout(self, x, t):
        """As a script has it."""
        logits = self.teacher.batch_feature(x) if self.teacher else None
        self.student.classify(x)
        if logits is None:
            return self.student.backprop(t)
        return self.student.backprop(t, distill=logits, temperature=TEMPERATURE)

    def round(self):
        """(images, seconds) of an epoch, as its history has them."""
        (row,) = BatchTrain(self.workout, epochs=1, optimizer="adamw", lr=LR, warmup=0)
        return self.step(), row["seconds"]

    def step(self):
        return len(self.sets.train.samples)
