"""BatchTrain(lookahead=k): slow weights by NumPy's recurrence, and who sees them when."""

import os
import re
import signal

import numpy as np
import pytest
import torch
from helpers import small
from hinted import convolutional, weights
from one_sentence import refused
from small_modules import PIXELS, chained, seeded, state
from torch import nn
from training.regression import gradient, linear, noted, weights_of

from deelish import Average, BatchTrain, Deel, InputBatch, Network, Student
from deelish.errors import TrainingError, UsageError
from deelish.language.session import current_session

# Four batches of training and two of validation an epoch.
EPOCH = 4
SGD = {"optimizer": "sgd", "lr": 0.3, "schedule": "constant", "warmup": 0}


def airbench(progress):
    """The decay of airbench, Jordan 2024."""
    return 0.95**5 * progress**3


def descended(start, batches, every, decay, total):
    """Zhang et al. 2019, algorithm 1, on softmax regression: plain gradient descent inside."""
    fast = slow = start
    for number, (index, batch) in enumerate(batches, start=1):
        fast = fast - SGD["lr"] * gradient(fast, *batch)
        if number % every == 0:
            d = decay(index / total) if callable(decay) else decay
            fast = slow = d * slow + (1 - d) * fast
    return slow if number >= every else fast


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize(
    ("every", "decay"), [(5, 0.5), (4, 0.8), (1, 0.3), (3, 0), (5, airbench), (12, 0.5)]
)
def test_the_weights_are_those_of_the_recurrence(session, every, decay):
    student, batches = linear(), []
    start = weights_of(student)

    def workout(x, t):
        if session.trainer.training:
            batches.append((session.trainer.batches, noted(student, x, t)))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=3, lookahead=every, lookahead_decay=decay, **SGD)
    expected = descended(start, batches, every, decay, 3 * EPOCH)
    np.testing.assert_allclose(weights_of(student), expected, rtol=0, atol=1e-5)
    assert np.abs(expected - start).max() > 1e-3


@pytest.mark.usefixtures("sets")
def test_each_student_counts_its_own_updates(session):
    pair = linear(), linear()
    start, batches = [weights_of(each) for each in pair], ([], [])

    def workout(x, t):
        turn = int(session.trainer.training and session.trainer.batches % 3 == 0)
        student = pair[turn]
        if session.trainer.training:
            batches[turn].append((session.trainer.batches, noted(student, x, t)))
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=3, lookahead=3, **SGD)
    assert [len(each) for each in batches] == [8, 4]
    for student, begun, seen in zip(pair, start, batches, strict=True):
        expected = descended(begun, seen, 3, 0.5, 3 * EPOCH)
        np.testing.assert_allclose(weights_of(student), expected, rtol=0, atol=1e-5)


def test_a_student_of_fewer_updates_than_that_keeps_its_weights(session, sets):
    first, second, seen = small("First"), small("Second"), []

    def workout(x, t):
        first.classify(x)
        outcome = first.backprop(t)
        if session.trainer.batches == 2 and session.trainer.training:
            second.classify(x)
            second.backprop(t)
            seen.append(weights(second))
        return outcome

    before = weights(second)
    BatchTrain(workout, epochs=1, lookahead=3)
    after = weights(second)
    assert all(np.array_equal(after[name], seen[0][name]) for name in after)
    assert not np.array_equal(after["score/weight"], before["score/weight"])


def arrays_of(student):
    """A copy of its parameters and buffers."""
    return state(student) if isinstance(student, Student) else weights(student)


def of_rows():
    return convolutional("Rows", 4, normal=True)


def of_a_module():
    """A student with BatchNorm, of the session's framework."""
    module = seeded()
    engine = current_session().engine.name
    return Student(module if engine == "torch" else chained(module), **PIXELS)


def twin(corners, build, **options):
    """The arrays of a student before two updates, and after them."""
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=32, crop=1, mirror=False)
        student = build()
        before = arrays_of(student)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t)

        BatchTrain(workout, **{"epochs": 1, **SGD, **options})
        return before, arrays_of(student)


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize(
    ("build", "mean"), [(of_a_module, "norm.running_mean"), (of_rows, "bn1/mean")]
)
@pytest.mark.parametrize("decay", [0.3, 0.7])
def test_running_statistics_follow_as_the_weights_do(corners, build, mean, decay):
    """A training without lookahead shows where the fast weights come to."""
    start, slow = twin(corners, build, lookahead=2, lookahead_decay=decay)
    _, fast = twin(corners, build)
    for name, array in slow.items():
        counts = name.endswith("num_batches_tracked")
        expected = fast[name] if counts else decay * start[name] + (1 - decay) * fast[name]
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    assert not np.array_equal(slow[mean], start[mean])


class Masked(nn.Module):
    """Buffers that never change: a mask of infinities, and thirds; and a frozen weight."""

    def __init__(self):
        super().__init__()
        self.inner = seeded()
        self.register_buffer("mask", torch.tensor([0.0, 0.0, 0.0, -torch.inf]))
        self.register_buffer("thirds", torch.full((4,), 1 / 3))
        self.frozen = nn.Parameter(torch.tensor([1 / 3, -torch.inf]), requires_grad=False)

    def forward(self, x):
        return self.inner(x) + self.mask.clamp(min=-1) + self.thirds + self.frozen[0]


@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_what_never_changes_stays_to_the_bit(corners, decay):
    def build():
        return Student(Masked(), **PIXELS)

    before, after = twin(corners, build, epochs=5, lookahead=1, lookahead_decay=decay)
    for name in ("mask", "thirds", "frozen"):
        assert np.array_equal(after[name], before[name]), name
    assert np.isfinite(after["inner.conv1.weight"]).all()


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("decay", [0.3, 0.9])
def test_a_frozen_layer_stays_to_the_bit(corners, decay):
    options = {"epochs": 5, "lookahead": 1, "lookahead_decay": decay, "lr_mult": {"conv1": 0}}
    before, after = twin(corners, of_a_module, **options)
    assert np.array_equal(after["conv1.weight"], before["conv1.weight"])
    assert not np.array_equal(after["conv2.weight"], before["conv2.weight"])


def watched(session, **options):
    """The weights before each update and in each validation, those of checkout, those at the end.

    Two epochs: the slow weights move after the third and the sixth of eight updates.
    """
    student, batches, validations, saved = small(), [], [], []

    def workout(x, t):
        (batches if session.trainer.training else validations).append(weights(student))
        student.classify(x)
        return student.backprop(t)

    how = {"epochs": 2, "lookahead": 3, **SGD, **options}
    BatchTrain(workout, lambda: saved.append(weights(student)), **how)
    return batches, validations, saved, weights(student)


def same(first, second):
    return all(np.array_equal(array, second[name]) for name, array in first.items())


@pytest.mark.usefixtures("sets")
def test_the_last_validation_and_checkout_see_the_slow_weights(session):
    batches, validations, saved, end = watched(session)
    # Before the seventh update the weights are the slow ones of the sixth.
    slow, after_four = batches[6], batches[4]
    assert len(validations) == 4
    assert same(validations[0], after_four)
    assert same(saved[0], after_four)
    assert not same(after_four, batches[3])
    assert same(validations[2], slow)
    assert same(validations[3], slow)
    assert same(saved[1], slow)
    assert same(end, slow)
    assert not same(slow, batches[7])


def test_what_is_saved_are_the_slow_weights(session, corners, tmp_path):
    InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
    student, before = small(), []

    def workout(x, t):
        before.append(weights(student))
        student.classify(x)
        return student.backprop(t)

    def checkout():
        student.save(tmp_path / "student.hdf5")

    BatchTrain(workout, checkout, epochs=1, lookahead=3, **SGD)
    loaded = Network.load(tmp_path / "student.hdf5")
    assert same(weights(loaded), before[3])
    # Its fingerprint, by which its logits are cached, is that of these weights.
    assert student.fingerprint() == loaded.fingerprint()


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize(("stop", "kept"), [(8, 6), (2, 2)])
def test_ctrl_c_leaves_the_slow_weights(session, capsys, stop, kept):
    """After two updates of three the slow weights have not moved yet, and the student keeps its."""
    student, seen = small(), []

    def workout(x, t):
        if session.trainer.training:
            seen.append(weights(student))
        student.classify(x)
        outcome = student.backprop(t)
        if session.trainer.batches == stop:
            seen.append(weights(student))
            os.kill(os.getpid(), signal.SIGINT)
        return outcome

    BatchTrain(workout, epochs=5, lookahead=3, **SGD)
    assert len(seen) == stop + 1
    assert same(weights(student), seen[kept])
    assert "the weights are the slow ones of lookahead=" in capsys.readouterr().out


@pytest.mark.usefixtures("sets")
def test_a_second_ctrl_c_leaves_the_weights_as_they_are(session):
    student, seen = small(), []

    def workout(x, t):
        student.classify(x)
        outcome = student.backprop(t)
        if session.trainer.batches == 4:
            seen.append(weights(student))
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)
        return outcome

    BatchTrain(workout, epochs=5, lookahead=3, **SGD)
    assert same(weights(student), seen[0])


@pytest.mark.usefixtures("sets")
def test_an_average_follows_the_student_as_it_is(session):
    student = small()
    average, expected = Average(student, decay=0.5), []
    expected.append(weights(average))

    def workout(x, t):
        if session.trainer.training and session.trainer.batches > 1:
            current = weights(student)
            expected.append({k: 0.5 * v + 0.5 * current[k] for k, v in expected[-1].items()})
        if session.trainer.training:
            average.batch_feature(x)
            for name, array in weights(average).items():
                np.testing.assert_allclose(array, expected[-1][name], rtol=1e-5, atol=1e-6)
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=2, lookahead=3, **SGD)
    assert len(expected) == 8


def test_batches_that_are_skipped_are_no_updates(corners):
    """The second batch has a finite loss, and a gradient of 0 / 0."""
    with Deel(seed=1, engine="torch") as deel:
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, batches = linear(), []
        start = weights_of(student)

        def workout(x, t):
            student.classify(x)
            if deel.trainer.batches == 2:
                none = np.zeros((len(x), 4))
                return student.backprop(none, distill=True, loss=lambda s, _: (0 * s.sum()).sqrt())
            batches.append((deel.trainer.batches, noted(student, x, t)))
            return student.backprop(t)

        BatchTrain(workout, epochs=2, lookahead=3, on_nan="skip", **SGD)
        expected = descended(start, batches, 3, 0.5, 2 * EPOCH)
        np.testing.assert_allclose(weights_of(student), expected, rtol=0, atol=1e-5)
        assert len(batches) == 2 * EPOCH - 1


VALUES = [
    *(({"lookahead": k}, f"lookahead={k!r}): give after how many updates") for k in (0, -1, 2.0)),
    *(({"lookahead": k}, f"lookahead={k!r}): give after how many") for k in (True, "5")),
    ({"lookahead": 13}, "lookahead=13): the training has 12 updates; give no more than these"),
    *(
        ({"lookahead": 3, "lookahead_decay": d}, f"lookahead_decay={d!r}): give the fraction of")
        for d in (1, -0.1, True, "0.5", None, float("nan"))
    ),
    ({"lookahead_decay": 0.9}, "lookahead_decay= is about lookahead=; give that too"),
    ({"lookahead_decay": airbench}, "lookahead_decay= is about lookahead=; give that too"),
    (
        {"lookahead": 3, "lookahead_decay": lambda: 0.5},
        "BatchTrain: lookahead_decay() is called with one argument; write def decay(progress)",
    ),
    (
        {"lookahead": 3, "lookahead_decay": lambda progress: progress * 8},
        "the function lookahead_decay= gave 2.0 at 0.25 of the training; return the fraction",
    ),
    (
        {"lookahead": 3, "lookahead_decay": lambda progress: None},
        "the function lookahead_decay= gave None at 0.25 of the training; return the fraction",
    ),
]


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize(("options", "words"), VALUES)
def test_values_that_cannot_be(options, words):
    student = small()

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    refused(
        TrainingError, re.escape(words), lambda: BatchTrain(workout, epochs=3, **{**SGD, **options})
    )


class Uncopied(nn.Module):
    """Holds a tensor with a history, as torch's old weight_norm leaves one."""

    def __init__(self):
        super().__init__()
        self.inner = seeded()
        self.scaled = self.inner.score.weight * 2

    def forward(self, x):
        return self.inner(x)


def test_a_module_that_cannot_be_copied_is_refused(corners):
    def train():
        twin(corners, lambda: Student(Uncopied(), **PIXELS), lookahead=2)

    refused(TrainingError, r"Uncopied: has no copy for an average of its weights \(.*; let", train)
    with Deel():
        student = Student(Uncopied(), **PIXELS)
        refused(TrainingError, "Uncopied: has no copy", lambda: Average(student))


@pytest.mark.usefixtures("sets")
def test_a_word_that_is_misspelt_leads_to_it():
    refused(
        UsageError,
        "did you mean lookahead=",
        lambda: BatchTrain(lambda x, t: (0, 0), look_ahead=5),
    )
