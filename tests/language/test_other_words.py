"""An argument by its name in another library: the error leads to ours."""

from __future__ import annotations

import pytest
from helpers import small
from language.verbs import ROW, logits, refused

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
    Network,
    Output,
    Show,
    ShowLabels,
    Student,
    Teacher,
    TestTimeAugmentation,
    layerDim,
    register_layer,
)
from deelish.common.other_words import METHODS as METHODS_OF_OTHERS
from deelish.errors import (
    UsageError,
)
from deelish.networks import GoogLeNet, Perceptron

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize(
    ("word", "cure"),
    [
        ("fit", "call BatchTrain"),
        ("predict", "call classify"),
        ("evaluate", "call Compare"),
        ("eval", "leave it out"),
        ("state_dict", "call save"),
        ("load_state_dict", "call Network.load"),
        ("cuda", "open the session with Deel"),
        ("forward_features", "call feature"),
    ],
)
def test_a_method_of_another_library_names_what_to_do_here(word, cure):
    for net in (small("Small"), Teacher(lambda batch: batch.mean((2, 3)), size=8, labels=3)):
        with pytest.raises(AttributeError, match=rf"^\w+ has no {word}\(\): {cure}"):
            getattr(net, word)
        assert not hasattr(net, word)


def test_no_method_of_a_network_has_the_name_of_anothers():
    assert not METHODS_OF_OTHERS.keys() & {
        *dir(Network),
        *dir(Student),
        *dir(Teacher),
        *dir(Ensemble),
    }


def test_an_error_within_a_property_stays_what_it_is():
    class Broken(Network):
        @property
        def classes(self):
            return self.nowhere

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'nowhere'"):
        Broken([ROW], in_size=8).classes  # noqa: B018


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
    (BatchTrain, (print,), {"freeze": ["conv1"]}, "lr_mult="),
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
    (TestTimeAugmentation, (), {"model": "x"}, "net="),
    (TestTimeAugmentation, ("x",), {"hflip": True}, "mirror="),
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
