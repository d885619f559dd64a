"""Probe: a student gets classes; what it predicts, saves and learns afterwards; refusals."""

import numpy as np
import pytest
import torch
from helpers import CHAINER_IS_LONG, once, small, write_set
from hinted import FACTS, convolutional, known
from models_of_others import PIXELS, Usual
from PIL import Image
from torch import nn

from deelish import BatchTrain, Compare, Deel, InputBatch, Layer, Network, Plan, Probe, Student
from deelish.errors import DataError, TrainingError

NAMES = ["one", "two", "three", "four"]


@pytest.fixture
def lists(tmp_path):
    return write_set(tmp_path, "train", 80), write_set(tmp_path, "test", 40, first=80)


@pytest.fixture
def session(each_engine):
    with Deel(seed=1) as deel:
        yield deel


def right(student, path):
    """The fraction of a list that it predicts right, and its logits."""
    rows = [line.split() for line in path.read_text().splitlines()]
    logits = student.classify([path.parent / name for name, _ in rows]).value
    return (logits.argmax(1) == [int(label) for _, label in rows]).mean(), logits


@pytest.mark.parametrize("pool", [False, True])
def test_the_probe_is_the_last_layer_of_rows(session, lists, capsys, pool):
    student = convolutional("Student", 3, pool=pool)
    InputBatch(*lists)
    paths = [lists[0].parent / f"{number}.png" for number in range(80, 120)]
    embedding = student.feature(paths).value
    assert Probe(student, labels=NAMES) is student
    line = capsys.readouterr().out.splitlines()[-1]
    assert line.startswith("Student: a linear probe of 80 images gives it 4 classes; ")
    assert " right of 8 held out, at strength " in line
    assert student.labels == NAMES
    accuracy, logits = right(student, lists[1])
    assert accuracy > 0.5
    # What goes into the last layer has not changed, and the logits are linear in its means.
    np.testing.assert_allclose(student.feature(paths).value, embedding, rtol=1e-5)
    design = np.column_stack([embedding, np.ones(len(embedding))])
    solved = np.linalg.lstsq(design, logits, rcond=None)[0]
    np.testing.assert_allclose(design @ solved, logits, atol=1e-3 * abs(logits).max())


def faint(folder, name, count, seed):
    """Images of 8 x 8 whose brighter corner hardly shows among their noise; returns the list."""
    rng = np.random.default_rng(seed)
    lines = []
    for number in range(count):
        pixels = rng.integers(0, 200, (8, 8))
        row, column = divmod(number % 4, 2)
        pixels[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 50
        path = folder / f"{name}{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(path)
        lines.append(f"{path.name} {number % 4}\n")
    path = folder / f"{name}.txt"
    path.write_text("".join(lines))
    return path


@pytest.mark.long
@CHAINER_IS_LONG
def test_a_taught_student_beats_an_untaught_one(session, tmp_path):
    train, test = faint(tmp_path, "train", 240, 0), faint(tmp_path, "test", 200, 1)
    InputBatch(train, batch_size=40, crop=1, mirror=False)
    teacher, taught, untaught = small("Teacher"), narrow("Taught"), narrow("Untaught")

    def on_labels(x, t):
        teacher.classify(x)
        return teacher.backprop(t)

    BatchTrain(on_labels, epochs=15, lr=0.01)

    def workout(x, t):
        taught.classify(x)
        return taught.backprop(distill=teacher.feature(x))

    history = BatchTrain(workout, epochs=20, lr=0.02)
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    found = [right(Probe(each, labels=4), test)[0] for each in (untaught, taught)]
    assert found[1] > found[0] + 0.1


def narrow(name):
    """A perceptron with an embedding of four numbers."""
    rows = [
        Layer("hidden", "InnerProduct", num_output=4),
        Layer("relu", "ReLU"),
        Layer("score", "InnerProduct", num_output=4),
        Layer("prob", "Softmax"),
    ]
    return Network(rows, name=name, **FACTS)


def test_a_student_of_a_module_is_saved_compared_and_fine_tuned(lists, tmp_path, capsys):
    with Deel(seed=1):
        torch.manual_seed(0)
        student = Student(Usual(classes=7), **PIXELS)
        InputBatch(*lists, batch_size=20)
        Probe(student, labels=NAMES, train=lists[0])
        assert (student.classes, student.labels, student.untrained) == (4, NAMES, set())
        accuracy, logits = right(student, lists[1])
        assert accuracy > 0.8
        path = student.save(tmp_path / "student.safetensors")
        loaded = Student.load(path, module=Usual(classes=4, seed=5))
        np.testing.assert_array_equal(right(loaded, lists[1])[1], logits)
        assert loaded.labels == NAMES
        report = Compare(student, loaded, test=lists[1])
        assert report["student"]["accuracy"] == pytest.approx(accuracy)

        def workout(x, t):
            student.classify(x)
            return student.backprop(t)

        once(workout)
        assert not np.array_equal(right(student, lists[1])[1], logits)


def test_a_model_by_name_is_loaded_with_the_classes_of_its_probe(lists, tmp_path):
    pytest.importorskip("timm")
    with Deel(seed=1):
        student = Student("timm/test_resnet", size=32)
        Probe(student, labels=NAMES, train=lists[0])
        path = student.save(tmp_path / "student.safetensors")
        _, logits = right(student, lists[1])
        np.testing.assert_array_equal(right(Student.load(path), lists[1])[1], logits)


def test_a_network_is_saved_with_its_probe(session, lists, tmp_path):
    student = known(small("Student", outputs=9))
    Probe(student, labels=4, train=lists[0])
    path = student.save(tmp_path / "student.hdf5")
    _, logits = right(student, lists[1])
    loaded = Network.load(path)
    assert loaded.classes == 4
    np.testing.assert_array_equal(right(loaded, lists[1])[1], logits)


def test_auxiliary_classifiers_of_other_classes_take_part_no_more(session, lists):
    rows = [
        Layer("hidden", "InnerProduct", num_output=16),
        Layer("score", "InnerProduct", bottom="hidden", num_output=7),
        Layer("extra", "InnerProduct", bottom="hidden", num_output=7),
        Layer("prob", "Softmax", bottom="score"),
    ]
    plan = Plan(rows, {"data": (1, 1, 8, 8)}, logits="score", auxiliary={"extra": 0.3})
    student = Network(plan, **FACTS)
    InputBatch(*lists)
    Probe(student, labels=4)

    def workout(x, t):
        student.classify(x)
        return student.backprop(t)

    assert once(workout)[0]["loss"] > 0


def rectified():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def two_heads():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(3, 4), nn.Linear(3, 4)

        def forward(self, x):
            return self.first(x.mean((2, 3))) + self.second(x.mean((2, 3)))

    return Two()


def without_bias():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4, bias=False))


@pytest.mark.parametrize("make", [rectified, two_heads, without_bias])
def test_a_module_without_a_linear_last_layer_is_refused(lists, make):
    with Deel(seed=1):
        student = Student(make(), name="Own", **PIXELS)
        _, before = right(student, lists[1])
        with pytest.raises(TrainingError, match=r"Own: .*; train it on labels, with student\.back"):
            Probe(student, labels=4, train=lists[0])
        np.testing.assert_array_equal(right(student, lists[1])[1], before)


def test_a_1_x_1_convolution_is_a_linear_last_layer(lists):
    class Convolved(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.conv, self.score = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 7, 1)

        def forward(self, x):
            return self.score(torch.relu(self.conv(x))).mean((2, 3))

    with Deel(seed=1):
        student = Student(Convolved(), **PIXELS)
        Probe(student, labels=4, train=lists[0])
        assert student.classes == 4
        assert student.classify([np.zeros((8, 8, 3), np.uint8)]).shape == (1, 4)


def test_rows_without_a_linear_last_layer_are_refused(session, lists):
    rows = [
        Layer("score", "Convolution", num_output=4, kernel_size=1),
        Layer("pool", "Pooling", pool="AVE", global_pooling=True),
        Layer("prob", "Softmax"),
    ]
    student = Network(rows, name="Rows", **FACTS)
    with pytest.raises(TrainingError, match="Rows: its logits 'pool' are not made by one InnerPro"):
        Probe(student, labels=4, train=lists[0])


def test_bad_labels_and_images_are_refused(session, lists, tmp_path):
    student = small("Student")
    with pytest.raises(DataError, match=r"Probe\(Student\): labels= is missing"):
        Probe(student)
    with pytest.raises(DataError, match=r"Probe\(Student\): there are no images; give train="):
        Probe(student, labels=4)
    InputBatch(*lists)
    with pytest.raises(DataError, match=r"label 3, but Probe\(Student\) has 3 outputs"):
        Probe(student, labels=3)
    with pytest.raises(DataError, match="no image is of class 'five', and labels= has 5 classes"):
        Probe(student, labels=[*NAMES, "five"])
    with pytest.raises(TrainingError, match=r"Probe\(str\): gives classes to a Network"):
        Probe("student.hdf5", labels=4)

    def workout(x, t):
        student.classify(x)
        outcome = student.backprop(t)
        Probe(student, labels=4)
        return outcome

    with pytest.raises(TrainingError, match=r"Probe\(Student\): is being trained"):
        once(workout)
