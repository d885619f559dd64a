"""Numbers that are not finite are found in the batch that has them; a loss that jumps, once."""

import os
import re
import signal
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from helpers import once, small, write_set
from hinted import convolutional
from small_modules import student as module_student
from torture import scaled

from deelish import BatchTrain, Deel, InputBatch, Teacher
from deelish.errors import TrainingError
from deelish.language.session import current_session
from deelish.training.guards import LossGuard, NotFinite

EPOCHS, BATCHES = 2, 4
KINDS = ("image", "label", "teacher", "loss", "gradient", "weight")
WORDS = {
    "image": "its input is not finite",
    "label": "the labels are not finite",
    "teacher": "the logits of the teacher Odd are not finite",
    "loss": "the loss is (nan|inf|-inf)",
    "gradient": "the gradient of layer 'score' bias is not finite",
    "weight": "layer 'conv1' weight is not finite after the update",
}


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


def injections():
    """60 of them: all kinds, engines and ways; the first six have all kinds and both engines."""
    found = []
    rng = np.random.default_rng(18)
    for number in range(scaled(60)):
        kind, turn = number % len(KINDS), number // len(KINDS)
        engine = ("torch", "chainer")[(kind + turn) % 2]
        on_nan = ("stop", "skip")[(kind // 2 + turn // 2) % 2]
        value = rng.choice([np.nan, np.inf, -np.inf])
        step = int(rng.integers(EPOCHS * BATCHES))
        found.append((engine, KINDS[kind], step, value, on_nan))
    return found


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


def check_sentence(injection, sentence):
    """It names the tensor, the batch and the lines, and says what the weights are."""
    epoch, batch = divmod(injection.step, BATCHES)
    where = f"epoch {epoch + 1}/{EPOCHS}, batch {batch + 1}"
    assert re.search(f"Student: {WORDS[injection.kind]} at {where}", sentence), sentence
    places = injection.places
    if injection.kind in ("image", "label", "teacher"):
        assert sentence.endswith(f"and at {places[5]}")
    else:
        assert f"{places[0]}, {places[1]}, {places[2]} and 13 more" in sentence
    after = injection.kind == "weight"
    state = "the weights are those after it" if after else "the weights are those before this batch"
    assert f"; {state}; " in sentence


@pytest.mark.torture("E1")
@pytest.mark.parametrize(("engine", "kind", "step", "number", "on_nan"), injections())
def test_a_number_that_is_not_finite(engine, kind, step, number, on_nan, corners, chainer, capsys):
    injection = Injection(kind, step, number, on_nan)
    made, state = trained_with(engine, injection, corners)
    printed = re.findall("^skipped: (.*)$", capsys.readouterr().out, re.MULTILINE)
    if on_nan == "stop" or kind == "weight":
        assert isinstance(made, NotFinite)
        check_sentence(injection, made.sentence)
        assert made.batch == step + 1
        assert printed == []
        assert same(injection.state, state) is (kind != "weight")
        return
    assert len(printed) == 1, made
    check_sentence(injection, printed[0])
    absent = Injection("none", step, number, on_nan, absent=True)
    assert same(trained_with(engine, absent, corners)[1], state)
    assert len(injection.outcomes) == EPOCHS * BATCHES - 1
    counts = [BATCHES] * EPOCHS
    counts[step // BATCHES] -= 1
    parts = np.split(np.array(injection.outcomes), np.cumsum(counts)[:-1])
    expected = [part.mean(0) for part in parts]
    found = [[row["loss"], row["accuracy"]] for row in made]
    assert np.allclose(found, expected, rtol=1e-12)


def test_a_gradient_of_one_layer_is_named(session, sets):
    if session.engine.name == "chainer":
        pytest.skip("Chainer has no hook on a parameter's gradient")
    student = module_student()
    before = student.record().arrays
    student.module.module.conv1.weight.register_hook(lambda gradient: gradient * torch.nan)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    with pytest.raises(NotFinite, match="the gradient of layer 'conv1' weight is not finite at"):
        once(workout)
    after = student.record().arrays
    assert all(np.array_equal(array, after[name]) for name, array in before.items())


def test_a_scale_beyond_float32_is_found_in_the_input(session, sets):
    student = small(mean=(3e38,), scale=4)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    with pytest.raises(NotFinite, match=r"Small: its input is not finite at .* at mean= and scale"):
        once(workout)


def test_weights_that_were_not_finite_before_are_named_and_never_skipped(session, sets):
    student = small()
    weight = student.module.weights_of("hidden").weight
    (weight.data if session.engine.name == "torch" else weight.array)[3, 4] = np.nan

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    with pytest.raises(NotFinite, match="the loss is nan, since layer 'hidden' weight is not fini"):
        BatchTrain(workout, epochs=1, on_nan="skip")


def test_another_student_keeps_its_update_and_the_sentence_says_so(session, sets):
    first, second = small("First"), small("Second")
    states = []

    def workout(x, t):
        first.classify(x)
        second.classify(x)
        first.backprop(t)
        states.append(session.engine.state(first.module))
        return second.backprop(t, distill=np.full((len(x), 4), np.nan, np.float32))

    sentence = "the weights are those before this batch, and those of First are updated;"
    with pytest.raises(NotFinite, match=sentence):
        once(workout)
    assert same(session.engine.state(first.module), states[0])


def test_twenty_skipped_batches_in_a_row_end_the_training(session, corners, capsys):
    InputBatch(corners[0], batch_size=2)
    student, batches = small(), []

    def workout(x, t):
        batches.append(x)
        student.classify(x)
        number = np.nan if len(batches) > 5 else 1.0
        return student.backprop(t, distill=np.full((len(x), 4), number, np.float32))

    with pytest.raises(TrainingError, match="20 batches in a row were skipped, the last: Small: "):
        BatchTrain(workout, epochs=1, on_nan="skip")
    assert len(batches) == 25
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 10
    assert printed[-1].endswith("; later ones are not printed")


def test_more_than_one_percent_of_skipped_batches_ends_the_training(session, corners):
    InputBatch(corners[0], batch_size=1)
    batches = []
    student = small()

    def workout(x, t):
        batches.append(x)
        if len(batches) % 10:
            return 1.0, 0.0
        student.classify(x)
        return student.backprop(t, distill=np.full((1, 4), np.nan, np.float32))

    with pytest.raises(
        TrainingError, match="21 of 210 batches were skipped, which is more than 1%"
    ):
        BatchTrain(workout, epochs=10, on_nan="skip")


def test_an_epoch_without_a_finite_batch_is_no_row(session, sets):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=np.full((len(x), 4), np.nan, np.float32))

    with pytest.raises(TrainingError, match="epoch 1/1: every batch was skipped; look at the im"):
        BatchTrain(workout, epochs=1, on_nan="skip")


@pytest.mark.parametrize("forever", [False, True])
def test_a_scaled_gradient_may_overflow_in_float16_until_the_scale_is_1(corners, forever):
    """PyTorch's scaler begins at 2^16 and halves its scale after each overflow."""
    with Deel(seed=1, engine="torch", precision="float16") as session:
        InputBatch(corners[0], batch_size=2)
        student, batches = module_student(), []
        if forever:
            student.module.module.conv1.weight.register_hook(lambda gradient: gradient * torch.inf)

        def workout(x, t):
            batches.append(student.record().arrays["conv1.weight"])
            student.classify(x)
            # The slope of the logits is 1, which float16 holds up to a scale of 2^15.
            return student.backprop(t, distill=np.zeros((2, 4)), loss=lambda s, _: s.sum())

        if forever:
            with pytest.raises(NotFinite, match="the gradient of layer 'conv1' weight"):
                once(workout)
            assert len(batches) == 17
            assert np.array_equal(batches[0], batches[-1])
        else:
            once(workout)
            assert len(batches) == 32
            assert session.engine._scaler.get_scale() < 2**16
            assert not np.array_equal(batches[0], batches[-1])
            assert np.isfinite(student.record().arrays["conv1.weight"]).all()


def test_another_on_nan_is_refused(session, sets):
    with pytest.raises(
        TrainingError, match=r"BatchTrain\(on_nan='ignore'\): give 'stop', 'skip', 'rollback'"
    ):
        BatchTrain(lambda x, t: (0, 0), on_nan="ignore")


@pytest.mark.torture("E2")
@pytest.mark.parametrize("number", range(scaled(20)))
def test_a_loss_that_jumps_is_reported_once(number, corners, capsys):
    rng = np.random.default_rng(number)
    losses = rng.lognormal(0, 0.5, 128)
    first, second = sorted(rng.choice(np.arange(50, 128), 2, replace=False))
    losses[first] = 10.01 * np.median(losses[first - 50 : first])
    losses[second] = 1000
    places = []

    def workout(x, t):
        places.append(t.samples[0].where)
        return losses[len(places) - 1], 0.0

    with Deel(seed=1):
        InputBatch(corners[0], batch_size=1)
        BatchTrain(workout, epochs=2)
    lines = [line for line in capsys.readouterr().out.splitlines() if "jumped" in line]
    epoch, batch = divmod(first, 64)
    assert len(lines) == 1
    assert f"{losses[first]:.4g} at epoch {epoch + 1}/2, batch {batch + 1}, more" in lines[0]
    assert f"look at {places[first]}, or" in lines[0]


def test_a_loss_below_ten_times_the_median_or_too_early_is_not_reported(corners, capsys):
    losses = iter([1.0] * 20 + [100.0] + [1.0] * 40 + [9.99, 1.0, 1.0])

    with Deel(seed=1):
        InputBatch(corners[0], batch_size=1)
        BatchTrain(lambda x, t: (next(losses), 0.0), epochs=1)
    assert "jumped" not in capsys.readouterr().out


def test_the_last_losses_come_back_from_plain_values():
    losses = np.random.default_rng(0).lognormal(size=70).tolist()
    guard, other = LossGuard(), LossGuard()
    for loss in losses:
        guard.add(loss)
    other.restore(guard.state())
    assert guard.state() == losses[-50:]
    assert other.add(1e3) == guard.add(1e3) == pytest.approx(np.median(losses[-50:]))


def going_on(folder, stop, build, **options):
    """Train on single images, up to Ctrl-C in the batch of this number."""
    # In a list, since another number would be another workout.
    stops = [stop]
    with Deel(seed=1) as deel:
        InputBatch(folder / "train.txt", batch_size=1)
        inner = build()

        def workout(x, t):
            if deel.trainer.batches == stops[0]:
                os.kill(os.getpid(), signal.SIGINT)
            return inner(deel.trainer.batches, x, t)

        BatchTrain(workout, epochs=2, resume=folder / "run", **options)


def test_a_training_that_goes_on_knows_the_losses_before(tmp_path, capsys):
    write_set(tmp_path, "train", 64)
    losses = [1.0] * 128
    losses[60], losses[100] = 100.0, 1000.0

    def build():
        return lambda number, x, t: (losses[number - 1], 0.0)

    going_on(tmp_path, 55, build)
    assert "jumped" not in capsys.readouterr().out
    going_on(tmp_path, 80, build)
    assert "the loss jumped to 100 at epoch 1/2, batch 61" in capsys.readouterr().out
    # It is reported once.
    going_on(tmp_path, 0, build)
    assert "jumped" not in capsys.readouterr().out


def test_a_training_that_goes_on_counts_the_batches_that_were_skipped(tmp_path):
    write_set(tmp_path, "train", 64)
    calls = []

    def build():
        student = small()

        def skipped(number, x, t):
            calls.append(number)
            student.classify(x)
            return student.backprop(np.full((len(t.value), 4), np.nan))

        return skipped

    going_on(tmp_path, 12, build, on_nan="skip")
    with pytest.raises(TrainingError, match="20 batches in a row were skipped"):
        going_on(tmp_path, 0, build, on_nan="skip")
    assert len(calls) == 20
