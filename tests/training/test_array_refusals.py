"""What backprop refuses of images and arrays, each in one sentence with its cure."""

import numpy as np
import pytest
from arrays import FACTS, reconstruction, variational
from helpers import once, small
from hinted import known

from deelish import AddNoise, GetLabels, Input, Layer, Network, ShowLabels
from deelish.errors import DataError, PlanError, TrainingError, UsageError

BCE = "binary_cross_entropy"


def learning(target, network=None, **options):
    network = network or reconstruction()

    def workout(x, t):
        network.forward(x)
        return network.backprop(target(x, t), **{"loss": BCE, **options})

    return workout


def of_shape(*shape):
    return lambda x, t: np.zeros((len(x), *shape), np.float32)


IMAGES = lambda x, t: x  # noqa: E731
REFUSED = {
    "another shape": (
        lambda: learning(of_shape(64)),
        TrainingError,
        "the target is (16, 64), its output (16, 1, 8, 8)",
    ),
    "another number of images": (
        lambda: learning(lambda x, t: np.zeros((3, 1, 8, 8), np.float32)),
        TrainingError,
        "the target is (3, 1, 8, 8)",
    ),
    "labels": (
        lambda: learning(lambda x, t: t),
        TrainingError,
        "t holds labels, and its output has no classes",
    ),
    "nothing": (lambda: learning(lambda x, t: None), TrainingError, "there is no target"),
    "a text": (lambda: learning(lambda x, t: "x"), TrainingError, "the target is str"),
    "no loss": (
        lambda: learning(IMAGES, loss=None),
        TrainingError,
        "loss=None compares no arrays; give its name, one of 'binary_cross_entropy', 'mse'",
    ),
    "a loss of one's own": (
        lambda: learning(IMAGES, loss=lambda p, t: ((p - t) ** 2).mean()),
        TrainingError,
        "loss=a function compares no arrays; give its name",
    ),
    "a loss on logits": (
        lambda: learning(IMAGES, loss="kd"),
        TrainingError,
        "loss='kd' compares no arrays",
    ),
    "an output that is no probability": (
        lambda: learning(IMAGES, reconstruction(squashed=False)),
        DataError,
        "needs numbers from 0 to 1, and its output goes from",
    ),
    "pixels from -1 to 1": (
        lambda: learning(IMAGES, reconstruction(mean=127.5, scale=1 / 127.5)),
        DataError,
        "make the network with mean=0 and scale=1 / 255",
    ),
    "numbers above 1": (
        lambda: learning(lambda x, t: np.full((len(x), 1, 8, 8), 2, np.float32)),
        DataError,
        "the target goes from 2 to 2; give numbers from 0 to 1",
    ),
    "an option of logits": (
        lambda: learning(IMAGES, temperature=4),
        TrainingError,
        "on arrays takes no 'temperature'; it takes per, alpha, weight, label_weight",
    ),
    "per what": (
        lambda: learning(IMAGES, per="pixel"),
        TrainingError,
        "per='pixel'; give 'number'",
    ),
    "smoothed labels": (
        lambda: learning(IMAGES, label_smoothing=0.1),
        TrainingError,
        "label_smoothing= is about classes and features; leave it out",
    ),
    "a layer": (lambda: learning(IMAGES, layer="code"), TrainingError, "layer= is about classes"),
    "a hint without a teacher": (
        lambda: learning(IMAGES, hint=("code", "code")),
        TrainingError,
        "hint= is about a teacher, and there is none",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_in_a_sentence(session, sets, case):
    workout, error, words = REFUSED[case]
    with pytest.raises(error) as found:
        once(workout())
    assert words in str(found.value)
    assert "\n" not in str(found.value)


def test_images_of_another_batch_are_refused(session, sets):
    kept = []
    workout = learning(lambda x, t: (kept.append(x), kept[0])[1])
    with pytest.raises(TrainingError, match="the target is images of another batch; pass workout"):
        once(workout)


def test_a_batch_that_was_not_seen_is_refused(session, sets):
    network = reconstruction()
    with pytest.raises(TrainingError, match=r"was not seen by Auto; call student.forward\(x\)"):
        once(lambda x, t: network.backprop(x, loss=BCE))


def taught(given, student=None, **options):
    student = student or reconstruction("Student")

    def workout(x, t):
        student.forward(x)
        return student.backprop(x, distill=given(x), loss=BCE, **options)

    return workout


def test_what_cannot_teach_is_refused(session, sets):
    student = reconstruction("Student")
    teacher, new = known(reconstruction("Teacher")), reconstruction("New")
    wide = known(variational("Wide"))
    wild = known(reconstruction("Wild", squashed=False))
    for given, words in (
        (student.batch_feature, "the student's own output were given"),
        (new.batch_feature, "the teacher New was never loaded nor trained"),
        (lambda x: teacher, "got the teacher Teacher itself"),
        (lambda x: x, "needs a teacher's output, and got images"),
        (lambda x: np.zeros((len(x), 64), np.float32), "the output of the teacher is (16, 64)"),
        (wild.batch_feature, "the teacher's output goes from"),
    ):
        with pytest.raises((TrainingError, DataError)) as found:
            once(taught(given, student))
        assert words in str(found.value)
    hint = {"kind": "gaussian", "student": "code", "teacher": "gaussian"}
    with pytest.raises(TrainingError, match="compares means and logarithms of variances"):
        once(taught(wide.batch_feature, student, hint=hint))


def test_verbs_of_classes_are_refused(session, sets):
    network = reconstruction()
    made = network.forward(np.zeros((8, 8), np.uint8))
    with pytest.raises(PlanError, match=r"Auto.classify: its output is an array of 1 x 8 x 8"):
        network.classify(np.zeros((8, 8), np.uint8))
    for verb in (ShowLabels, GetLabels):
        with pytest.raises(DataError, match="holds no logits"):
            verb(made)


def test_what_a_sigmoid_makes_is_no_row_of_classes_unless_they_are_named(session):
    rows = [Layer("row", "InnerProduct", num_output=4), Layer("out", "Sigmoid")]
    image = np.zeros((8, 8), np.uint8)
    with pytest.raises(PlanError, match=r"its output is an array of 4 and no logits"):
        Network(rows, **FACTS).classify(image)
    assert Network(rows, labels=list("abcd"), **FACTS).classify(image).value.shape == (1, 4)


def test_a_loss_that_is_no_name_is_refused_where_there_are_classes(session, sets):
    network = small()

    def workout(x, t):
        network.classify(x)
        return network.backprop(t, loss=["mse"])

    with pytest.raises(TrainingError, match="loss= is about a teacher's logits"):
        once(workout)


def test_classes_forward_too(session, sets):
    network, image = small(), np.full((8, 8), 50, np.uint8)
    assert (network.forward(image).value == network.classify(image).value).all()
    assert type(network.forward(image)) is type(network.classify(image))


@pytest.mark.parametrize("deviation", [0, -1, "a", float("nan"), True, None])
def test_a_noise_needs_a_deviation(session, sets, deviation):
    with pytest.raises((DataError, UsageError), match="AddNoise"):
        AddNoise(Input(np.zeros((8, 8), np.uint8)), deviation)
