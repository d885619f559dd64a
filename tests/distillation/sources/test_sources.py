"""A teacher of any kind gives the logits of its library's evaluation mode, and is not changed."""

import numpy as np
import pytest
import torch
from models_of_others import PIXELS, Usual, as_input, eights, small_network
from torch import nn

from deelish import CaffeNet, Deel
from deelish.distillation.sources import source_of
from deelish.errors import DataError, PlanError, TrainingError
from deelish.language.teachers import Teacher

WHOLE = {**PIXELS, "crop": 1.0}


def expected(module, pixels):
    with torch.no_grad():
        return module.eval()(torch.from_numpy(as_input(pixels))).numpy()


def test_a_torch_module_runs_in_evaluation_mode_and_is_not_changed(session):
    module, pixels = Usual(), eights()
    reference = expected(module, pixels)
    module.train()
    module.conv.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    teacher = Teacher(module, **WHOLE)
    logits = teacher.batch_feature(pixels)
    np.testing.assert_allclose(logits.value, reference, rtol=1e-5, atol=1e-5)
    assert logits.owner is teacher
    assert not logits.content.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert [p.requires_grad for p in module.parameters()] == [False] + [True] * 5
    assert all(p.grad is None for p in module.parameters())
    assert (teacher.classes, teacher.parameters) == (4, sum(p.numel() for p in module.parameters()))


def test_a_torch_module_is_put_into_evaluation_mode_at_every_call(session):
    module, pixels = Usual(), eights()
    teacher = Teacher(module, **WHOLE)
    first = teacher.batch_feature(pixels).value
    for _ in range(3):
        module.train()
        np.testing.assert_array_equal(teacher.batch_feature(pixels).value, first)
    assert not module.training


def test_a_torch_module_gets_input_of_its_own_dtype(session):
    module, pixels = Usual().double(), eights()
    logits = Teacher(module, **WHOLE).batch_feature(pixels).value
    assert logits.dtype == np.float32
    with torch.no_grad():
        reference = module.eval()(torch.from_numpy(as_input(pixels)).double()).numpy()
    np.testing.assert_allclose(logits, reference, rtol=1e-5, atol=1e-6)


def test_an_inner_module_gives_features_by_its_name(session):
    module, pixels = Usual().eval(), eights()
    feature = Teacher(module, **WHOLE).feature(pixels, layer="bn").value
    with torch.no_grad():
        reference = module.bn(module.conv(torch.from_numpy(as_input(pixels)))).numpy()
    np.testing.assert_allclose(feature, reference, rtol=1e-5, atol=1e-5)
    assert not module.bn._forward_hooks
    with pytest.raises(PlanError, match="Usual: has no layer 'bm'; the nearest are bn, "):
        Teacher(module, **WHOLE).feature(pixels, layer="bm")


def test_a_network_of_deelish_gives_its_own_logits_and_features(session):
    network, pixels = small_network(labels=list("abcde")), eights()
    teacher = Teacher(network)
    reference = network.batch_feature(pixels).value
    np.testing.assert_array_equal(teacher.batch_feature(pixels).value, reference)
    reference = network.feature(pixels, layer="conv").value
    np.testing.assert_array_equal(teacher.feature(pixels, layer="conv").value, reference)
    assert teacher.labels == list("abcde")
    assert teacher.new_layers == network.new_layers
    with pytest.raises(DataError, match=r"network of deelish has its own .* leave size= out"):
        Teacher(network, size=8)


@pytest.mark.parametrize("extension", ["caffemodel", "hdf5", "safetensors"])
def test_a_file_of_a_network_gives_the_logits_of_the_network(session, tmp_path, extension):
    network, pixels = small_network(labels=list("abcde")), eights()
    network.save(tmp_path / f"net.{extension}")
    teacher = Teacher(tmp_path / f"net.{extension}")
    reference = network.batch_feature(pixels).value
    np.testing.assert_array_equal(teacher.batch_feature(pixels).value, reference)


def test_a_caffemodel_of_caffe_gives_the_logits_of_caffe(session, material):
    folder = material / "caffe-golden" / "resnet_mini"
    model = source_of(folder / "net.caffemodel", -1, None)
    with np.load(folder / "io.npz") as arrays:
        logits = model.run(arrays["in:data"])
        np.testing.assert_allclose(logits, arrays["mid:fc"], rtol=1e-4, atol=1e-5)
    teacher, pixels = Teacher(folder / "net.caffemodel"), np.zeros((48, 48, 3), np.uint8)
    reference = CaffeNet(folder / "net.caffemodel").batch_feature(pixels).value
    np.testing.assert_array_equal(teacher.batch_feature(pixels).value, reference)


def test_a_function_gives_its_own_logits(session):
    weights = np.random.default_rng(0).normal(size=(3 * 64, 7)).astype(np.float32)

    def mine(values):
        logits = values.reshape(len(values), -1) @ weights
        values[:] = 0
        return logits

    teacher, pixels = Teacher(mine, **WHOLE), eights()
    reference = as_input(pixels).reshape(6, -1) @ weights
    np.testing.assert_allclose(teacher.batch_feature(pixels).value, reference, rtol=1e-4, atol=1e-4)
    assert (teacher.name, teacher.classes, teacher.parameters) == ("mine", 7, None)
    with pytest.raises(PlanError, match="a function shows no inner layers"):
        teacher.feature(pixels, layer="conv")


def test_the_class_count_is_known_before_the_first_batch(session):
    assert Teacher(Usual(classes=9), **WHOLE).classes == 9


def test_a_chainer_chain_runs_in_evaluation_mode_and_is_not_changed(chainer):
    chain, pixels = usual_chain(chainer), eights()
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        inner = chain.bn(chain.conv(as_input(pixels))).array
        reference = chain(as_input(pixels)).array
    before = [p.array.copy() for p in chain.params()] + [chain.bn.avg_mean.copy()]
    with Deel():
        teacher = Teacher(chain, **WHOLE)
        with chainer.using_config("train", True):
            logits = teacher.batch_feature(pixels).value
        feature = teacher.feature(pixels, layer="bn").value
    np.testing.assert_allclose(logits, reference, rtol=1e-5, atol=1e-5)
    after = [p.array for p in chain.params()] + [chain.bn.avg_mean]
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))
    np.testing.assert_allclose(feature, inner, rtol=1e-5, atol=1e-5)
    assert not chain.bn.local_link_hooks
    assert (teacher.classes, teacher.parameters) == (4, sum(p.size for p in chain.params()))


def usual_chain(chainer, classes=4):
    class Chain(chainer.Chain):
        def __init__(self):
            super().__init__()
            rng = np.random.default_rng(0)
            with self.init_scope():
                self.conv = chainer.links.Convolution2D(3, 5, 3)
                self.bn = chainer.links.BatchNormalization(5)
                self.score = chainer.links.Linear(5 * 36, classes)
            for parameter in self.params():
                parameter.array[...] = rng.normal(size=parameter.shape)

        def forward(self, x):
            y = chainer.functions.relu(self.bn(self.conv(x)))
            return self.score(chainer.functions.dropout(y))

    return Chain()


def test_a_chainer_chain_that_trains_itself_is_refused(chainer):
    chain = usual_chain(chainer)
    inner = chain.forward

    def moving(x):
        with chainer.using_config("train", True):
            return inner(x)

    chain.forward = moving
    with Deel(), pytest.raises(TrainingError, match="Chain: its weights or running statistics"):
        Teacher(chain, **WHOLE).batch_feature(eights())


@pytest.mark.parametrize("source", [3, None, object(), nn.Linear, [1.0]])
def test_a_source_that_cannot_teach_is_refused_and_those_that_can_are_named(source):
    with (
        Deel(),
        pytest.raises(TrainingError, match=r"takes a torch\.nn\.Module, a chainer\.Link, .*\.onnx"),
    ):
        Teacher(source, **WHOLE)


def test_a_teacher_can_neither_be_trained_nor_saved(session):
    teacher = Teacher(Usual(), **WHOLE)
    with pytest.raises(TrainingError, match="Usual: is a teacher and never learns; call backprop"):
        teacher.backprop(None, distill=True)
    assert not hasattr(teacher, "save")


def test_labels_of_a_teacher_name_its_predictions(session, capsys):
    from deelish import ShowLabels

    teacher = Teacher(Usual(), labels=["cat", "dog", "cow", "pig"], **WHOLE)
    best = teacher.classify(eights(1)).value.argmax()
    ShowLabels()
    assert f"#1 | {['cat', 'dog', 'cow', 'pig'][best]} |" in capsys.readouterr().out
    teacher = Teacher(Usual(), labels=7, **WHOLE)
    with pytest.raises(
        TrainingError, match="gave 4 logits an image, where 7 are expected; give as many"
    ):
        teacher.batch_feature(eights())


def test_choosing_a_source_imports_no_framework():
    import subprocess
    import sys

    code = (
        "import sys; from deelish.language.teachers import Teacher;"
        "Teacher(len, size=8, mean=0.0, scale=1.0);"
        "print(sorted({'torch', 'chainer', 'onnx', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
