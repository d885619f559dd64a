"""The verbs, called with an argument that is not known, without one, or with a wrong value."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import once, small, trained, write_set
from language.verbs import GREY, ROW, logits, refused

from deelish import (
    CNN,
    Average,
    BatchTrain,
    CaffeNet,
    Compare,
    Deel,
    Ensemble,
    GetLabels,
    Input,
    InputBatch,
    Layer,
    Network,
    Output,
    Plan,
    Show,
    ShowLabels,
    ShowLayers,
    Teacher,
    layerDim,
    register_layer,
)
from deelish.distillation.losses import LOSSES, Loss
from deelish.errors import (
    DataError,
    MissingDataError,
    MissingFileError,
    TrainingError,
    UsageError,
)
from deelish.networks import FAMILIES, Family, GoogLeNet, Perceptron

pytestmark = pytest.mark.usefixtures("session")

# By the function and its arguments, what the error suggests for a word of another library.
OURS = [
    *((Network, (), {word: 10}, "labels=") for word in ("num_classes", "n_classes", "outputs")),
    (Network, ([ROW],), {"num_classes": 10}, "labels="),
    *((Network, ([ROW],), {word: 32}, "in_size=") for word in ("size", "imgsz", "input_size")),
    (GoogLeNet, (), {"num_classes": 10}, "labels= or outputs="),
    (GoogLeNet, (), {"pretrained": True}, "modelpath="),
    (GoogLeNet, (), {"weights": "x.caffemodel"}, "modelpath="),
    (GoogLeNet, (), {"image_size": 64}, "in_size="),
    (Perceptron, (), {"num_classes": 10}, "labels= or outputs="),
    (CaffeNet, (), {"weights": "x.caffemodel"}, "modelpath="),
    (CaffeNet, ("x.caffemodel",), {"num_classes": 3}, "labels= or outputs="),
    *((BatchTrain, (), {word: 0.1}, "lr=") for word in ("learning_rate", "rate", "base_lr")),
    *((BatchTrain, (print,), {word: 9}, "epochs=") for word in ("num_epochs", "n_epochs", "epoch")),
    (BatchTrain, (print,), {"scheduler": "cosine"}, "schedule="),
    (BatchTrain, (print,), {"opt": "sgd"}, "optimizer="),
    (BatchTrain, (print,), {"wd": 0.1}, "weight_decay="),
    *((InputBatch, ("x",), {word: 32}, "batch_size=") for word in ("bs", "batch")),
    (InputBatch, ("x",), {"crop_pct": 0.9}, "crop="),
    (InputBatch, ("x",), {"flip": False}, "mirror="),
    *(
        (InputBatch, ("x",), {word: "grey"}, "augment=")
        for word in ("augmentation", "auto_augment")
    ),
    (InputBatch, ("x",), {"mixup": 0.2}, "mix='mixup'"),
    (InputBatch, ("x",), {"validation": "y"}, "val="),
    (Deel, (), {"device": "cuda"}, "gpu="),
    (Deel, (), {"dtype": "float16"}, "precision="),
    (Deel, (), {"backend": "torch"}, "engine="),
    (Teacher, (logits,), {"mean": 0, "std": 1}, "scale=1 / (255 * std)"),
    (Teacher, (logits,), {"crop_pct": 0.9}, "crop="),
    (Teacher, (logits,), {"num_classes": 10}, "labels="),
    *((Teacher, (logits,), {word: 32}, "size=") for word in ("input_size", "in_size", "imgsz")),
    (Teacher, (logits,), {"transform": None}, "preprocessing="),
    (Compare, ("teacher", "student"), {"val": "x"}, "test="),
    (Compare, ("teacher", "student"), {"dataset": "x"}, "train= or test="),
    (Ensemble, (1, 2), {"reduction": "mean"}, "average="),
    (Average, ("student",), {"momentum": 0.9}, "decay="),
    (Input, (), {"image": "cat.jpg"}, "source="),
    (Show, (), {"path": "x.png"}, "save="),
    (GetLabels, (), {"k": 5}, "top="),
    (ShowLabels, (), {"logits": None}, "x="),
    (Output, (), {"input": None}, "x="),
    (layerDim, (), {"name": "conv1"}, "layer="),
    (register_layer, ("Mish",), {"forward": logits}, "torch="),
]


@pytest.mark.parametrize(("function", "args", "given", "ours"), OURS)
def test_another_librarys_word_leads_to_ours(function, args, given, ours):
    with pytest.raises(UsageError) as caught:
        function(*args, **given)
    name = list(given)[-1]
    assert str(caught.value).startswith(f"{function.__name__}({name}=")
    assert str(caught.value).endswith(f"; deelish calls it {ours}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shuffle": True}, "every epoch has its own order of the training images; leave it out"),
        ({"num_workers": 4}, "threads read the images without it; leave it out"),
        ({"transform": None}, "each network prepares its own pixels"),
    ],
)
def test_what_needs_no_argument_is_said(given, words):
    refused(UsageError, words, InputBatch, "x", **given)


METHODS = [
    ("backprop", {"distil": 1}, "distill="),
    ("backprop", {"teacher": 1}, "distill="),
    ("backprop", {"T": 4}, "temperature="),
    ("backprop", {"temp": 4}, "temperature="),
    ("backprop", {"lambda_": 0.5}, "alpha= or weight="),
    ("classify", {"image": 1}, "x="),
    ("batch_feature", {"images": 1}, "x="),
    ("feature", {"layer_name": "score"}, "layer="),
    ("run", {"data": 1}, "inputs="),
    ("save", {"filename": "x"}, "path="),
    ("export", {"file": "x"}, "path="),
    ("load", {"filename": "x"}, "path="),
    ("layerDim", {"name": "x"}, "layer="),
]


@pytest.mark.parametrize(("method", "given", "ours"), METHODS)
def test_the_methods_of_a_network_know_other_words_too(method, given, ours):
    args = ("t",) if method == "backprop" else ()
    words = f"Network.{method}({next(iter(given))}="
    for owner in (small(), CNN):
        refused(UsageError, words, getattr(owner, method), *args, **given)
        refused(UsageError, f"deelish calls it {ours}", getattr(owner, method), *args, **given)


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


@pytest.mark.parametrize(
    ("error", "function", "args"),
    [
        (MissingFileError, GoogLeNet, ("gone.caffemodel",)),
        (MissingFileError, Network.load, ("gone.hdf5",)),
        (MissingFileError, Teacher, ("gone.onnx",)),
        (MissingFileError, CaffeNet, (None, "gone.prototxt")),
        (MissingDataError, InputBatch, ("gone.txt",)),
        (MissingDataError, InputBatch, ("gone-{000..003}.tar",)),
        (MissingDataError, InputBatch, ("gone.tar",)),
        (MissingDataError, Input, ("gone.png",)),
    ],
)
def test_what_is_missing_is_also_a_file_not_found(error, function, args):
    with pytest.raises(FileNotFoundError, match="gone") as caught:
        function(*args)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_missing_labels_and_images_of_a_list_are_also_a_file_not_found(tmp_path):
    with pytest.raises(MissingDataError, match="labels file gone"):
        GoogLeNet(labels="gone.txt")
    path = tmp_path / "list.txt"
    path.write_text("gone.png 0\n")
    with pytest.raises(MissingDataError, match=r"list\.txt line 1: image 'gone.png' is not there"):
        InputBatch(path)
    with pytest.raises(MissingDataError, match="there is no such folder"):
        InputBatch(path, root="gone")


def test_an_image_that_goes_during_a_training_is_also_a_file_not_found(tmp_path):
    train = write_set(tmp_path, "train", 8)
    InputBatch(train, batch_size=8, crop=1)
    (tmp_path / "3.png").unlink()
    with pytest.raises(MissingDataError, match=r"train\.txt line 4: .*there is no such image"):
        trained(small(), 1)


def test_a_list_that_is_no_ordinary_file_says_so():
    # A DataError is a ValueError, and the list's reader meets those of Python too.
    refused(DataError, "/dev/null: this is no ordinary file", InputBatch, "/dev/null")


@pytest.mark.parametrize(
    ("workout", "words"),
    [
        (lambda x: (1, 1), "BatchTrain: workout(x) is called with two arguments; write def"),
        (lambda: (1, 1), "BatchTrain: workout() is called with two arguments"),
        (lambda x, t, z: (1, 1), "BatchTrain: workout(x, t, z) is called with two arguments"),
        ("train", "BatchTrain(workout='train'): give a function, def workout(x, t): ..."),
    ],
)
def test_a_workout_of_other_arguments_is_refused_before_the_first_batch(images, workout, words):
    refused(TrainingError, words, BatchTrain, workout)


def test_a_workout_may_have_more_arguments_with_defaults(images):
    assert len(once(lambda x, t, factor=1: (1.0, 1.0))) == 1


def test_an_error_of_the_workout_itself_comes_through(images):
    def workout(x, t):
        return len(5)

    with pytest.raises(TypeError, match=r"object of type 'int' has no len\(\)") as caught:
        once(workout)
    assert not isinstance(caught.value, UsageError)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight_decays": 0.1}, "takes no such option; did you mean weight_decay="),
        ({"momentum": 0.9}, "BatchTrain(momentum=0.9): optimizer 'adam' takes no such option"),
        ({"optimizer": "sgd", "momentun": 0.9}, "did you mean momentum="),
        ({"optimizer": "sgd", "nesterow": True}, "did you mean nesterov="),
        ({"learning_rate": 0.1}, "deelish calls it lr="),
    ],
)  # fmt: skip
def test_an_option_that_the_optimiser_does_not_take(each_engine, tmp_path, options, words):
    with Deel():
        student = small()
        InputBatch(write_set(tmp_path, "train", 16), batch_size=16, crop=1)
        refused(UsageError, words, BatchTrain, lambda x, t: student.backprop(t), **options)


GIVEN = [
    ({"distill": "teacher"}, "distill needs a teacher's logits, and got the teacher Teacher its"),
    ({"distill": "kd"}, "got 'kd'; write logits = teacher.batch_feature(x)"),
    ({"distill": None}, "got None; write logits = teacher.batch_feature(x)"),
    ({"distill": {}}, "got dict; write logits = teacher.batch_feature(x)"),
    ({"distill": 1}, "distill needs a teacher's logits, and got 1; write logits ="),
    ({"distill": np.full((16, 4), np.nan)}, "the logits of the teacher are not finite"),
    ({"distill": "logits", "loss": lambda logits: logits.sum()}, "is called with two arrays of"),
    ({"distill": "logits", "weight": lambda: 1}, "the function weight= is called with the epoch"),
    ({"t": None}, "there are neither labels nor features; pass workout's t"),
    ({"t": "teacher"}, "t is Network, where labels are needed; pass workout's t"),
    ({"distill": "logits", "loss": "kdd"}, "there is no loss 'kdd'; did you mean 'kd' or 'dkd'"),
    ({"distill": "logits", "loss": 3}, "loss=3; give a name (kd, mse"),
    ({"distill": "logits", "hint": {"student": "hidden", "teacher": "hidden", "kind": "fitnt"}},
     "there is no hint 'fitnt'; did you mean 'fitnet'"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "words"), GIVEN)
def test_what_backprop_cannot_learn_from(images, given, words):
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t):
        student.classify(x)
        known = {"logits": teacher.batch_feature(x), "teacher": teacher}
        read = {
            key: known.get(value, value) if isinstance(value, str) else value
            for key, value in {"t": t, **given}.items()
        }
        return student.backprop(**read)

    refused(TrainingError, words, once, workout)


def test_a_loss_that_a_script_adds_brings_its_options(images, monkeypatch):
    row = Loss(lambda pair, power: pair.engine.sum(pair.student**power), {"power": 2.0})
    monkeypatch.setitem(LOSSES, "power", row)
    teacher, student = trained(small("Teacher")), small()

    def workout(x, t, option="power"):
        student.classify(x)
        return student.backprop(t, teacher.batch_feature(x), loss="power", **{option: 2})

    assert once(workout)
    words = "Network.backprop(powr=2): there is no such argument; did you mean power="
    refused(UsageError, words, once, lambda x, t: workout(x, t, "powr"))


def test_cnn_completes_as_a_network_does():
    assert dir(CNN) == dir(Network)
