"""BatchTrain(int8=True): int8 files lose less, and the student stays the float32 network it is."""

import copy

import numpy as np
import pytest
import torch
from helpers import small, trained
from hinted import convolutional, known, lesson
from one_sentence import refused
from small_modules import PIXELS, seeded, student
from training.in_processes import with_head

from deelish import Average, BatchTrain, Compare, Deel, InputBatch, Student
from deelish.engines.torch.int8.rounding import Activation
from deelish.errors import DataError, EngineError, TrainingError

SLOW = {"lr": 1e-3, "schedule": "constant", "warmup": 0}


@pytest.fixture
def session(corners):
    with Deel(seed=1) as deel:
        InputBatch(*corners, batch_size=16, crop=1, mirror=False, keep="memory")
        yield deel


def taught(pupil, teacher):
    def workout(x, t):
        pupil.classify(x)
        return pupil.backprop(teacher.batch_feature(x), distill=True)

    return workout


def uneven(module):
    """The same function, with channels of very different sizes between its convolutions."""
    sizes = 2.0 ** torch.linspace(-4, 4, module.conv1.out_channels)
    with torch.no_grad():
        module.norm.weight *= sizes
        module.norm.bias *= sizes
        module.conv2.weight /= sizes[:, None, None]
    return module


@pytest.fixture
def pair(session):
    """A trained student whose int8 loses with one scale a layer, and its float self."""
    pupil = trained(student(channels=12), epochs=12)
    module = uneven(pupil.module.module)
    own = Student(copy.deepcopy(module), name="Own", **PIXELS)
    return known(pupil), known(own)


def difference(teacher, other, corners):
    """KL(teacher || other) over the validation images."""
    return Compare(teacher, other, corners[1])["student"]["kl"]


def test_the_int8_file_is_nearer_to_the_float_network_afterwards(pair, corners):
    pytest.importorskip("onnxruntime.quantization")
    pupil, own = pair
    before = difference(own, pupil.quantise(weights="tensor"), corners)
    BatchTrain(taught(pupil, own), epochs=8, int8="tensor", **SLOW)
    after = difference(own, pupil.quantise(weights="tensor"), corners)
    assert before > 0.05
    assert after < before / 10


def test_validation_is_in_int8_and_what_comes_after_in_float(pair, corners, capsys):
    pupil, own = pair
    history = BatchTrain(taught(pupil, own), epochs=1, int8="tensor", lr=1e-9)
    assert "Small: learns in int8; its weights with one scale a layer" in capsys.readouterr().out
    # The weights hardly moved: all of this loss is of the rounding.
    assert history[0]["val_loss"] > 0.005
    assert difference(own, pupil, corners) < 1e-5
    assert not pupil.in_int8


def test_by_channel_rounds_less_than_by_tensor(pair):
    pupil, own = pair
    losses = [
        BatchTrain(taught(pupil, own), epochs=1, int8=int8, lr=1e-9)[0]["loss"]
        for int8 in ("tensor", "channel", True)
    ]
    by_tensor, by_channel, as_given = losses
    assert by_tensor > 10 * by_channel
    assert as_given == pytest.approx(by_channel, rel=1e-3)


def test_statistics_stay_and_everything_else_learns(pair):
    pupil, own = pair
    before = {name: value.clone() for name, value in pupil.module.module.state_dict().items()}
    BatchTrain(taught(pupil, own), epochs=1, int8=True, **SLOW)
    for name, value in pupil.module.module.state_dict().items():
        learns = "running" not in name and "tracked" not in name
        assert learns != torch.equal(value, before[name]), name


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(("epochs", "first"), [(8, 7), (5, 5), (2, 2)])
def test_a_new_student_learns_in_float_first(epochs, first, capsys, monkeypatch):
    rounding = []
    monkeypatch.setattr(Activation, "forward", lambda self, x: rounding.append(self.measuring) or x)
    pupil, seen = student(), []

    def workout(x, t):
        rounding.clear()
        pupil.classify(x)
        seen.append(bool(rounding))
        return pupil.backprop(t)

    BatchTrain(workout, epochs=epochs, int8=True)
    # Four batches of training and two of validation an epoch.
    assert seen == [False] * 6 * (first - 1) + [True] * 6 * (epochs - first + 1)
    assert (
        f"Small: learns in int8 from epoch {first} on, and in float32 before; its weights with a"
        " scale for each channel"
    ) in capsys.readouterr().out


@pytest.mark.usefixtures("session")
def test_ranges_are_measured_before_each_epoch_and_each_validation(monkeypatch):
    pupil, begun, batches = known(convolutional("net", 4)), [], []
    begin = Activation.begin
    monkeypatch.setattr(
        Activation, "begin", lambda self: (begun.append(len(batches)), begin(self))[1]
    )

    def workout(x, t):
        made = pupil.classify(x)
        batches.append(made)
        return pupil.backprop(t)

    BatchTrain(workout, epochs=2, int8=True, **SLOW)
    assert sorted(set(begun)) == [0, 4, 6, 10]


@pytest.mark.usefixtures("session")
def test_hints_an_average_and_slow_weights_go_with_it():
    teacher, pupil = known(convolutional("teacher", 6)), known(convolutional("pupil", 4))
    average = Average(pupil, decay=0.5)
    inner = lesson(teacher, pupil, [("relu1", "relu1")])

    def workout(x, t):
        average.batch_feature(x)
        return inner(x, t)

    history = BatchTrain(workout, epochs=3, int8=True, lookahead=2, **SLOW)
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.usefixtures("session")
def test_auxiliary_classifiers_rest(capsys):
    net = known(with_head())
    before = net.engine.arrays(net.module)

    def workout(x, t):
        net.classify(x)
        return net.backprop(t)

    BatchTrain(workout, epochs=1, int8=True, **SLOW)
    after = net.engine.arrays(net.module)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"hidden", "score"}


@pytest.mark.usefixtures("session")
def test_a_saved_student_answers_as_a_float_network(pair, tmp_path):
    pupil, own = pair
    BatchTrain(taught(pupil, own), epochs=1, int8=True, **SLOW)
    path = pupil.save(tmp_path / "pupil.safetensors")
    opened = Student.load(path, seeded(channels=12))
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    np.testing.assert_allclose(
        opened.batch_feature(list(images)).value, pupil.batch_feature(list(images)).value, atol=1e-6
    )


@pytest.mark.parametrize("given", ["int4", 8, None, "Tensor"])
def test_another_word_is_refused(session, given):
    pupil = known(small())
    with pytest.raises((TrainingError, TypeError, DataError)) as caught:
        BatchTrain(taught(pupil, pupil), int8=given)
    assert "int8=" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("session")
def test_one_epoch_is_too_short_for_a_new_student():
    pupil = student()
    refused(
        TrainingError,
        r"BatchTrain\(int8=\.\.\.\): Small is not trained yet.*give two epochs or more",
        lambda: BatchTrain(taught(pupil, known(student(1))), epochs=1, int8=True),
    )


@pytest.mark.usefixtures("chainer")
def test_another_engine_is_refused(corners):
    with Deel(engine="chainer"):
        InputBatch(*corners, batch_size=16)
        net = known(small())

        def workout(x, t):
            net.classify(x)
            return net.backprop(t)

        refused(
            EngineError,
            r"Small: the engine 'chainer' does not learn in int8; take Deel\(engine='torch'\)",
            lambda: BatchTrain(workout, epochs=1, int8=True),
        )
