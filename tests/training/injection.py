"""Trainings in which one batch has a number that is not finite."""

from dataclasses import dataclass, field

import numpy as np
from hinted import convolutional

from deelish import BatchTrain, Deel, InputBatch, Teacher
from deelish.errors import TrainingError
from deelish.language.session import current_session

EPOCHS, BATCHES = 2, 4
KINDS = ("image", "label", "teacher", "loss", "gradient", "weight")


@dataclass
class Injection:
    """A training in which one batch has a number that is not finite."""

    kind: str
    step: int
    number: float
    on_nan: str
    # The batch is left alone by workout, as if it were not there.
    absent: bool = False
    state: dict = field(default_factory=dict)
    places: list = field(default_factory=list)
    outcomes: list = field(default_factory=list)

    def train(self):
        """Train; `state` has the weights before the batch, `places` its list lines."""
        session, self._batch = current_session(), -1
        self.student = convolutional("Student", 3, normal=True)
        self._spoil_input(session.engine)
        teacher = Teacher(
            self._logits, name="Odd", size=8, order="L", mean=0, scale=1 / 255, labels=4
        )
        options = {"optimizer": "sgd", "lr": 0.01, "warmup": 0, "schedule": self._factor}

        def workout(x, t):
            self._batch += 1
            if self._batch == self.step:
                self.state = session.engine.state(self.student.module)
                self.places = [sample.where for sample in t.samples]
                if self.absent:
                    return 0.0, 0.0
            self.student.classify(x)
            labels = np.eye(4)[t.value]
            if self._is("label"):
                labels[5, 2] = self.number
            taught = {"distill": teacher.batch_feature(x), "loss": self._loss()}
            self.outcomes.append(self.student.backprop(labels, **taught))
            return self.outcomes[-1]

        return BatchTrain(workout, epochs=EPOCHS, on_nan=self.on_nan, **options)

    def _is(self, kind):
        return self.kind == kind and self._batch == self.step

    def _factor(self, done):
        """The factor on the learning rate: once beyond float32."""
        now = round(done * EPOCHS * BATCHES) == self.step
        return 1e45 if now and self.kind == "weight" else 1.0

    def _spoil_input(self, engine):
        original = engine.input_of

        def input_of(pixels, rule):
            data = original(pixels, rule)
            if self._is("image") and rule is self.student.preprocessing:
                (data if engine.name == "torch" else data.array)[5, 0, 3, 4] = self.number
            return data

        engine.input_of = input_of

    def _logits(self, batch):
        logits = batch.reshape(len(batch), 4, -1).mean(2)
        if self._is("teacher"):
            logits[5, 1] = self.number
        return logits

    def _loss(self):
        engine = current_session().engine
        if self._is("loss"):
            return lambda student, _: engine.sum(student * student) * self.number
        if self._is("gradient"):
            # The root of 0 is finite and its slope is not.
            return lambda student, _: engine.sum(((student - engine.detach(student)) ** 2) ** 0.5)
        return "kd"


def trained_with(session_engine, injection, corners):
    """The history, or the error, and the weights after it."""
    with Deel(engine=session_engine, seed=1) as session:
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        try:
            made = injection.train()
        except TrainingError as error:
            made = error
        return made, session.engine.state(injection.student.module)


def same(first, second):
    """Whether two states have the same bits."""
    return all(
        first[layer][name].tobytes() == array.tobytes()
        for layer, arrays in second.items()
        for name, array in arrays.items()
    )
