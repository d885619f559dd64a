"""The verbs, called with too few arguments, too many, or one that is not known."""

from __future__ import annotations

import pytest
from helpers import small
from language.verbs import GREY, ROW, logits, refused

from deelish import (
    CNN,
    Average,
    BatchTrain,
    Compare,
    Input,
    InputBatch,
    Layer,
    Network,
    Plan,
    Show,
    ShowLayers,
    Teacher,
)
from deelish.errors import (
    DataError,
    UsageError,
)
from deelish.networks import FAMILIES, Family, GoogLeNet

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize("name", ["batch_feature", "feature", "classify"])
def test_the_methods_of_a_teacher_are_checked(name):
    teacher = Teacher(logits, size=8, mean=0, scale=1)
    refused(UsageError, f"Teacher.{name}(foo=3)", getattr(teacher, name), foo=3)


@pytest.mark.parametrize("family", FAMILIES.values())
def test_every_family_refuses_a_word_that_is_not_its_own(family):
    refused(UsageError, f"{family.__name__}(num_classes=3)", family, num_classes=3)


def test_a_users_family_is_checked_without_a_decorator():
    class Mine(Family):
        weights = GoogLeNet.weights

        def __init__(self, depth, **others):
            super().__init__(**others)

    refused(UsageError, "Mine: lacks depth; give Mine(depth=...)", Mine)
    words = "Mine(num_classes=3): there is no such argument; deelish calls it labels= or outputs="
    refused(UsageError, words, Mine, 3, num_classes=3)


@pytest.mark.parametrize(
    ("function", "args", "words"),
    [
        (GoogLeNet, ("x", "labels.txt"), "and got 2; did you mean labels='labels.txt'"),
        (Network, ([ROW], 4), "did you mean labels=4"),
        (InputBatch, ("x", "y", 32), "did you mean batch_size=32"),
        (BatchTrain, (print, None, 3, "sgd"), "did you mean optimizer='sgd'"),
        (Compare, (1, 2, "test", "train"), "did you mean train='train'"),
        (Teacher, (logits, "labels.txt"), "did you mean labels='labels.txt'"),
        (ShowLayers, (3,), "ShowLayers: takes nothing without a name, and got 1; leave 3 out"),
        (Network, (), "Network: lacks rows; give Network(rows=...)"),
        (Input, (), "Input: lacks source"),
        (InputBatch, (), "InputBatch: lacks train"),
        (BatchTrain, (), "BatchTrain: lacks workout"),
        (Compare, (), "Compare: lacks teacher and student; give Compare(teacher=..., student=...)"),
        (Teacher, (), "Teacher: lacks source"),
        (Average, (), "Average: lacks student"),
        (Layer, ("conv1",), "Layer: lacks type"),
        (Plan, ([ROW],), "Plan: lacks inputs"),
        (Network.load, (), "Network.load: lacks path"),
    ],
)  # fmt: skip
def test_too_many_and_too_few_arguments(function, args, words):
    refused(UsageError, words, function, *args)


def test_logits_are_printed_and_no_picture():
    small().classify(GREY)
    refused(DataError, "LogitsTensor of Small, shape (1, 4) is printed", Show, save="x.png")


def test_cnn_completes_as_a_network_does():
    assert dir(CNN) == dir(Network)
