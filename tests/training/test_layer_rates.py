"""BatchTrain(lr_mult={...}): each layer's step is its factor times the step without it."""

import os
import re
import signal

import numpy as np
import pytest
import torch
from helpers import parameters, small, trained
from hinted import FACTS, convolutional, known, weights
from one_sentence import refused
from small_modules import PIXELS, chained, seeded, state
from torch import nn

from deelish import BatchTrain, Deel, InputBatch, Layer, Network, Student
from deelish.errors import TrainingError, UsageError
from deelish.language.session import current_session
from deelish.networks import GoogLeNet

# The first step of each of these is proportional to the learning rate, decay and all.
OPTIMIZERS = [
    {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0.1},
    {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"optimizer": "adam", "lr": 0.01, "weight_decay": 0.1},
    {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.5},
]
CONSTANT = {"schedule": "constant", "warmup": 0}


def of_rows():
    return convolutional("Rows", 4, normal=True)


def of_a_module():
    module = seeded()
    engine = current_session().engine.name
    return Student(module if engine == "torch" else chained(module), name="Module", **PIXELS)


def arrays_of(student):
    """A copy of its arrays, as "conv1.weight"."""
    if isinstance(student, Student):
        return state(student)
    return {name.replace("/", "."): array for name, array in weights(student).items()}


def learn(students, epochs=1, checkout=None, **options):
    """Train all students on the labels; the arrays of each before and after."""
    before = [arrays_of(student) for student in students]

    def workout(x, t):
        for student in students:
            student.classify(x)
            outcome = student.backprop(t)
        return outcome

    BatchTrain(workout, checkout, epochs, **{**CONSTANT, **options})
    return [(start, arrays_of(each)) for start, each in zip(before, students, strict=True)]


def step(corners, build, **options):
    """How far one update of a batch of all 64 images moves each array."""
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=64, crop=1, mirror=False)
        ((before, after),) = learn([build()], **options)
        return {name: after[name] - before[name] for name in after}


def check_steps(moved, plain, factors):
    """The steps are those without factors, times these by the first part of the name."""
    for name, expected in plain.items():
        factor = factors.get(name.split(".")[0], 1)
        if any(part in name for part in ("running", "num_batches", "bn1.")):
            factor = 1
        scale = np.abs(expected).max() * max(factor, 1) + 1e-9
        np.testing.assert_allclose(
            moved[name], factor * expected, rtol=1e-3, atol=2e-4 * scale, err_msg=name
        )


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("build", [of_rows, of_a_module])
@pytest.mark.parametrize("how", OPTIMIZERS, ids=lambda how: "-".join(map(str, how.values())))
def test_a_step_is_the_factor_times_that_without_it(corners, build, how):
    moved = step(corners, build, lr_mult={"conv1": 0, "sco*": 10, "conv2": 0.5}, **how)
    check_steps(moved, step(corners, build, **how), {"conv1": 0, "score": 10, "conv2": 0.5})
    assert np.array_equal(moved["conv1.weight"], np.zeros_like(moved["conv1.weight"]))


@pytest.mark.usefixtures("each_engine")
def test_it_multiplies_the_rows_own_param(corners):
    def build(mult=1):
        def made():
            param = [{"lr_mult": mult, "decay_mult": 1}, {"lr_mult": 2 * mult, "decay_mult": 0}]
            rows = [Layer("score", "InnerProduct", num_output=4, param=param)]
            return Network(rows, **FACTS)

        return made

    how = OPTIMIZERS[0]
    moved = step(corners, build(2), lr_mult={"score": 3}, **how)
    plain = step(corners, build(), **how)
    for name in ("score.weight", "score.bias"):
        np.testing.assert_allclose(moved[name], 6 * plain[name], rtol=1e-4, atol=1e-6)


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize(
    ("given", "factors"),
    [
        ({"*": 0.5, "conv1": 2}, {"conv1": 2, "conv2": 0.5, "score": 0.5}),
        ({"conv1": 2, "*": 0.5}, {"conv1": 0.5, "conv2": 0.5, "score": 0.5}),
        ({"conv?": 3, "*2": 0}, {"conv1": 3, "conv2": 0}),
        ({"conv[12]": 0.25}, {"conv1": 0.25, "conv2": 0.25}),
    ],
)
def test_the_last_pattern_that_matches_counts(corners, given, factors):
    how = OPTIMIZERS[0]
    plain = step(corners, of_rows, **how)
    check_steps(step(corners, of_rows, lr_mult=given, **how), plain, factors)


class Nested(nn.Module):
    """A trunk of two parts, a head, and a parameter of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Flatten(), nn.Linear(192, 8), nn.Linear(8, 8))
        self.trunked = nn.Linear(8, 4)
        self.shift = nn.Parameter(torch.zeros(1, 4))

    def forward(self, x):
        return self.trunked(self.trunk(x)) + self.shift


@pytest.mark.parametrize(
    ("given", "factors"),
    [
        ({"trunk": 0}, {"trunk.1": 0, "trunk.2": 0}),
        ({"trunk": 0, "trunk.2": 2}, {"trunk.1": 0, "trunk.2": 2}),
        ({"trunk.*": 3}, {"trunk.1": 3, "trunk.2": 3}),
        ({"shift": 5, "trunked": 2}, {"shift": 5, "trunked": 2}),
    ],
)
def test_a_name_stands_for_all_that_is_within_it(corners, given, factors):
    def build():
        with torch.random.fork_rng([]):
            return Student(Nested(), **PIXELS)

    how = OPTIMIZERS[0]
    moved, plain = step(corners, build, lr_mult=given, **how), step(corners, build, **how)
    for name, expected in plain.items():
        factor = factors.get(name, factors.get(name.rpartition(".")[0], 1))
        np.testing.assert_allclose(moved[name], factor * expected, rtol=1e-4, atol=1e-6)


def test_a_name_of_caffes_stands_for_all_up_to_a_slash(session, corners):
    InputBatch(corners[0], batch_size=16)
    student = GoogLeNet(labels=4, in_size=32)
    before = weights(student)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=1, optimizer="sgd", lr_mult={"inception_3a": 0}, **CONSTANT)
    frozen = {
        "/".join(name.split("/")[:-1])
        for name, array in weights(student).items()
        if np.array_equal(array, before[name]) and name.endswith("weight")
    }
    assert frozen == {layer for layer in student.plan.weights if layer.startswith("inception_3a/")}


@pytest.mark.usefixtures("sets")
def test_weights_that_layers_share_have_the_factor_of_the_first(session):
    shared = [{"name": "w"}, {"name": "b"}]
    rows = [
        Layer("first", "InnerProduct", num_output=64, param=shared),
        Layer("second", "InnerProduct", num_output=64, param=shared),
        Layer("score", "InnerProduct", num_output=4),
    ]
    student = Network(rows, **FACTS)
    ((before, after),) = learn([student], lr_mult={"first": 0}, optimizer="sgd")
    assert np.array_equal(before["second.weight"], after["second.weight"])
    assert not np.array_equal(before["score.weight"], after["score.weight"])
    match = "'second': ...}): matches no layer with weights of Network; there is first, score"
    again = Network(rows, **FACTS)
    refused(TrainingError, re.escape(match), lambda: learn([again], lr_mult={"second": 0}))


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
@pytest.mark.parametrize("build", [of_rows, of_a_module])
def test_0_freezes_to_the_bit(session, build, optimizer):
    how = {"optimizer": optimizer, "weight_decay": 0.1, "lr_mult": {"conv*": 0}}
    ((before, after),) = learn([build()], epochs=2, **how)
    moved = {name for name in after if not np.array_equal(after[name], before[name])}
    names = {name for name in after if name.startswith("conv")}
    assert names
    assert not names & moved
    assert "score.weight" in moved
    # Running statistics follow the images still, as in PyTorch.
    assert {"norm.running_mean", "bn1.mean"} & moved


def all_trainable(student):
    return all(value.requires_grad for value in parameters(student))


@pytest.mark.parametrize("end", ["whole", "stopped", "failed"])
def test_what_was_frozen_is_trainable_again_after_the_training(corners, end):
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        student, seen = of_a_module(), []

        def workout(x, t):
            student.classify(x)
            outcome = student.backprop(t)
            weight = student.module.module.conv1.weight
            seen.append((weight.requires_grad, weight.grad))
            if end == "stopped":
                os.kill(os.getpid(), signal.SIGINT)
            return None if end == "failed" else outcome

        def train():
            BatchTrain(workout, epochs=1, lr_mult={"conv1": 0})

        if end == "failed":
            with pytest.raises(TrainingError, match="workout returned None"):
                train()
        else:
            train()
        # No gradient was computed for it.
        assert seen[-1] == (False, None)
        assert all_trainable(student)
        ((before, after),) = learn([student])
        assert not np.array_equal(after["conv1.weight"], before["conv1.weight"])


def test_what_the_user_froze_stays_frozen(corners):
    with Deel(seed=1):
        InputBatch(corners[0], batch_size=16, crop=1, mirror=False)
        module = seeded()
        module.conv2.requires_grad_(False)
        student = Student(module, **PIXELS)
        learn([student], lr_mult={"conv1": 0})
        assert not module.conv2.weight.requires_grad
        assert module.conv1.weight.requires_grad


@pytest.mark.usefixtures("sets")
def test_layers_of_several_students(session):
    first, second = small("First"), convolutional("Second", 3)
    given = {"hidden": 0, "conv1": 0}
    (of_first, of_second) = learn([first, second], lr_mult=given, optimizer="sgd")
    for (before, after), frozen in ((of_first, "hidden"), (of_second, "conv1")):
        for name, array in after.items():
            assert np.array_equal(array, before[name]) == name.startswith(frozen), name


@pytest.mark.usefixtures("sets")
def test_a_student_that_begins_later_may_have_the_layer(session):
    first, second = small("First"), convolutional("Second", 3)
    before = weights(second)

    def workout(x, t):
        student = second if session.trainer.batches >= 3 else first
        student.classify(x)
        return student.backprop(t)

    BatchTrain(workout, epochs=1, lr_mult={"conv1": 0}, optimizer="sgd")
    after = weights(second)
    assert np.array_equal(before["conv1/weight"], after["conv1/weight"])
    assert not np.array_equal(before["conv2/weight"], after["conv2/weight"])


def test_left_out_it_changes_nothing(corners):
    how = OPTIMIZERS[0]
    plain = step(corners, of_rows, **how)
    for given in (None, {}, {"*": 1}):
        moved = step(corners, of_rows, lr_mult=given, **how)
        assert all(np.array_equal(moved[name], plain[name]) for name in plain)


@pytest.mark.usefixtures("sets")
def test_projections_of_hints_keep_their_learning_rate(session):
    teacher, student = known(convolutional("Teacher", 6)), convolutional("Student", 3)
    seen = []

    def workout(x, t):
        student.classify(x)
        outcome = student.backprop(
            t, distill=teacher.batch_feature(x), hint=("conv2", "conv2"), weight=1
        )
        (projection,) = session.trainer.memory.projections.values()
        seen.append(weights(projection)["projection/weight"])
        return outcome

    BatchTrain(workout, epochs=1, lr_mult={"*": 0, "score": 1}, optimizer="sgd")
    assert not np.array_equal(seen[0], seen[-1])


VALUES = [
    ({"lr_mult": 3}, "BatchTrain(lr_mult=3): give a dict of layers and factors, such as"),
    ({"lr_mult": ["conv1"]}, "lr_mult=['conv1']): give a dict of layers and factors, such as"),
    ({"lr_mult": {1: 0}}, "lr_mult={1: ...}): give the name of a layer"),
    ({"lr_mult": {"": 0}}, "lr_mult={'': ...}): give the name of a layer"),
    ({"lr_mult": {"conv1": -1}}, "lr_mult={'conv1': -1}): give a factor on the learning rate, a"),
    ({"lr_mult": {"conv1": True}}, "lr_mult={'conv1': True}): give a factor"),
    ({"lr_mult": {"conv1": "0"}}, "lr_mult={'conv1': '0'}): give a factor"),
    ({"lr_mult": {"conv1": float("nan")}}, "lr_mult={'conv1': nan}): give a factor"),
    ({"lr_mult": {"cnov1": 0}}, "matches no layer with weights of Rows; did you mean 'conv1'"),
    ({"lr_mult": {"relu1": 0}}, "'relu1': ...}): matches no layer with weights of Rows; there is"),
    ({"lr_mult": {"conv1": 0, "f*": 0}}, "'f*': ...}): matches no layer with weights of Rows"),
    ({"lr_mult": {"*": 0}}, "freezes all layers of Rows, so that nothing would be trained; give"),
]


@pytest.mark.usefixtures("sets")
@pytest.mark.parametrize(("options", "words"), VALUES)
def test_values_that_cannot_be(session, options, words):
    student = of_rows()
    before = weights(student)
    refused(TrainingError, re.escape(words), lambda: learn([student], **options))
    # The first forward pass has changed running statistics.
    after = {name: array for name, array in weights(student).items() if "bn1" not in name}
    assert all(np.array_equal(array, before[name]) for name, array in after.items())
    assert all_trainable(student)
    # A second training may begin.
    learn([student])


def test_the_nearest_names_of_a_module_are_those_of_its_parts(corners):
    words = "'trunks': ...}): matches no layer with weights of Nested; did you mean 'trunk"
    with Deel(seed=1), torch.random.fork_rng([]):
        InputBatch(corners[0], batch_size=16)
        student = Student(Nested(), **PIXELS)
        refused(TrainingError, re.escape(words), lambda: learn([student], lr_mult={"trunks": 0}))


@pytest.mark.usefixtures("sets")
def test_a_layer_of_a_teacher_alone_is_refused_after_the_first_epoch(session):
    teacher, student, epochs = known(convolutional("Teacher", 6)), small(), []

    def workout(x, t):
        student.classify(x)
        return student.backprop(t, distill=teacher.batch_feature(x))

    def train():
        BatchTrain(workout, lambda: epochs.append(1), epochs=3, lr_mult={"conv1": 0})

    words = "'conv1': ...}): matches no layer with weights of Small; there is hidden, score"
    refused(TrainingError, re.escape(words), train)
    assert epochs == []


@pytest.mark.usefixtures("sets")
def test_of_two_students_that_both_lack_it_both_are_named(session):
    first, second, teacher = small("First"), small("Second"), known(convolutional("Teacher", 6))
    assert teacher.classes == 4
    words = "matches no layer with weights of First or Second; there is hidden, score"
    refused(TrainingError, re.escape(words), lambda: learn([first, second], lr_mult={"conv1": 0}))


@pytest.mark.usefixtures("sets")
def test_a_word_that_is_misspelt_leads_to_it():
    refused(UsageError, "did you mean lr_mult=", lambda: learn([trained(small())], lr_mults={}))
