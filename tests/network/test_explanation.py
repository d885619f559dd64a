"""net.explain: where a network looks for a class, against formulas and captum."""

import numpy as np
import pytest
import torch
from helpers import write_set
from models_of_others import eights
from one_sentence import refused
from PIL import Image
from series import classifier
from torch import nn

from deelish import (
    Average,
    BatchTrain,
    Deel,
    Ensemble,
    Input,
    InputBatch,
    Layer,
    Network,
    Show,
    Student,
    Teacher,
)
from deelish.engines.sensitivity import Sensitivity
from deelish.errors import DataError, EngineError, PlanError, TrainingError
from deelish.network.explanation import class_activation
from deelish.plan.sequence_format import SequenceFormat

LABELS = ["cat", "dog", "fox"]
ROWS = [
    Layer("conv", "Convolution", num_output=4, kernel_size=3, pad=1),
    Layer("relu", "ReLU"),
    Layer("pool", "Pooling", pool="AVE", global_pooling=True),
    Layer("score", "InnerProduct", num_output=3),
]
PIXELS = {"size": 8, "order": "RGB", "mean": 127, "scale": 1 / 128, "crop": 1}


def pooled(**args):
    """A network whose Grad-CAM follows from its last weights."""
    made = Network(ROWS, in_size=8, crop=1.0, mean=100, scale=0.02, labels=LABELS, **args)
    made.untrained.clear()
    return made


class Module(nn.Module):
    """Convolution, in-place ReLU, mean and a linear layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn = nn.Conv2d(3, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.relu, self.fc = nn.ReLU(inplace=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(self.relu(self.bn(self.conv(x))).mean((2, 3)))


def expected(maps, weight, labels):
    """Zhou et al. 2016: under a mean the gradient is weight / positions, everywhere."""
    positions = maps.shape[2] * maps.shape[3]
    made = np.einsum("nchw,nc->nhw", maps, weight[labels]) / positions
    return np.maximum(made, 0)


def test_the_formula():
    maps = np.array([[[[1.0, 2.0]], [[3.0, 0.0]]]], np.float32)
    gradients = np.array([[[[2.0, 0.0]], [[0.0, -2.0]]]], np.float32)
    # Weights 1 and -1: 1 - 3 is below 0, and 2 - 0 is not.
    made = class_activation(Sensitivity("conv", maps, gradients))
    np.testing.assert_array_equal(made, [[[0.0, 2.0]]])


@pytest.mark.parametrize("label", ["dog", 1, None])
def test_of_a_mean_it_is_the_weighted_sum_of_the_maps(each_engine, label):
    with Deel(seed=1, engine=each_engine):
        net, images = pooled(), eights(5)
        maps = net.feature(images, layer="relu").value
        logits = net.classify(images).value
        labels = logits.argmax(1) if label is None else np.ones(5, int)
        made = net.explain(images, label=label)
        weight = net.engine.state(net.module)["score"]["weight"].reshape(3, 4)
    found = expected(maps, weight, labels)
    largest = np.maximum(found.max((1, 2), keepdims=True), 1e-30)
    np.testing.assert_allclose(made.value, found / largest, atol=1e-5)
    assert made.labels == [LABELS[index] for index in labels]
    assert made.layer == "conv"


@pytest.mark.parametrize("make", [Student, Teacher])
def test_of_a_module_it_is_the_same(make):
    with Deel(seed=1, precision="float32"):
        module, images = Module().eval(), eights(4)
        net = make(module, labels=LABELS, **PIXELS)
        before = {name: value.clone() for name, value in module.state_dict().items()}
        made = net.explain(images, label="fox", layer="relu")
        with torch.no_grad():
            values = torch.from_numpy((images.transpose(0, 3, 1, 2) - 127.0).astype("f4") / 128)
            maps = module.relu(module.bn(module.conv(values))).numpy()
    found = expected(maps, module.fc.weight.detach().numpy(), np.full(4, 2))
    np.testing.assert_allclose(made.value, found / found.max((1, 2), keepdims=True), atol=1e-5)
    # Nothing is learnt: weights and running averages are as before, and no gradient is left.
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert all(value.grad is None for value in module.parameters())


class Shared(nn.Module):
    """One ReLU for two convolutions, the last before a mean."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 5, 1)
        self.relu, self.fc = nn.ReLU(), nn.Linear(5, 3)

    def forward(self, x):
        return self.fc(self.relu(self.second(self.relu(self.first(x)))).mean((2, 3)))


def test_a_frozen_module_shows_where_it_looks_too():
    with Deel(seed=1, precision="float32"):
        module, images = Shared().eval(), eights(2)
        teacher = Teacher(module, labels=LABELS, **PIXELS)
        before = teacher.explain(images, label=1).value
        module.requires_grad_(False)
        np.testing.assert_array_equal(teacher.explain(images, label=1).value, before)


def test_of_a_part_that_is_called_twice_the_last_call_counts():
    with Deel(seed=1, precision="float32"):
        module, images = Shared().eval(), eights(4)
        made = Teacher(module, labels=LABELS, **PIXELS).explain(images, label=0)
        values = torch.from_numpy((images.transpose(0, 3, 1, 2) - 127.0).astype("f4") / 128)
        with torch.no_grad():
            maps = module.relu(module.second(module.relu(module.first(values)))).numpy()
    assert made.layer == "relu"
    found = expected(maps, module.fc.weight.detach().numpy(), np.zeros(4, int))
    for ours, theirs in zip(made.value, found, strict=True):
        image = Image.fromarray(theirs / max(theirs.max(), 1e-30), mode="F")
        shown = np.asarray(image.resize((8, 8), Image.Resampling.BILINEAR))
        np.testing.assert_allclose(ours, shown.clip(0, 1), atol=1e-5)


def test_of_many_layers_it_is_captums():
    attr = pytest.importorskip("captum.attr", reason="the package captum is not installed")
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch.manual_seed(0)
    module = torchvision.models.resnet18(num_classes=3).eval()
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    with Deel(seed=1, precision="float32"):
        net = Teacher(module, **{**PIXELS, "size": 64}, labels=LABELS)
        made = net.explain(images, label=2)
        assert made.layer == "layer4"
        middle = net.explain(images, label=2, layer="layer2.0.bn1")
    values = torch.from_numpy((images.transpose(0, 3, 1, 2) - 127.0).astype("f4") / 128)
    for tensor, part in ((made, module.layer4), (middle, module.layer2[0].bn1)):
        raw = attr.LayerGradCam(module, part).attribute(values, 2, relu_attributions=True)
        for ours, theirs in zip(tensor.value, raw.detach().numpy()[:, 0], strict=True):
            shown = Image.fromarray(theirs / theirs.max(), mode="F")
            shown = np.asarray(shown.resize((64, 64), Image.Resampling.BILINEAR))
            np.testing.assert_allclose(ours, shown.clip(0, 1), atol=1e-4)


def test_a_model_whose_channels_are_last_has_maps_too():
    timm = pytest.importorskip("timm", reason="timm is not installed")
    torch.manual_seed(0)
    module = timm.create_model("swin_tiny_patch4_window7_224", num_classes=3).eval()
    with Deel(seed=1, precision="float32"):
        net = Teacher(module, labels=LABELS)
        images = Input(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
        found = net.sensitivity(images, "layers.3", np.array([1]))
    assert found.maps.shape == found.gradients.shape == (1, 768, 7, 7)


def test_the_map_is_where_the_class_is():
    """A network that counts red looks at the red square."""
    rows = [
        Layer("conv", "Convolution", num_output=1, kernel_size=1, bias_term=False),
        *ROWS[1:3],
        Layer("score", "InnerProduct", num_output=2),
    ]
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :, 2] = 200
    image[2:6, 9:13] = (255, 0, 0)
    with Deel(seed=1):
        net = Network(rows, in_size=16, crop=1.0, order="RGB", labels=["red", "none"])
        net.untrained.clear()
        state = net.module.state_dict()
        state["conv.weight"][:] = torch.tensor([1.0, 0, -1]).reshape(1, 3, 1, 1)
        state["score.weight"].flatten()[:] = torch.tensor([1.0, -1.0])
        made = net.explain(image, label="red").value[0]
        assert net.explain(image, label="none").value.max() == 0
    np.testing.assert_array_equal(made > 0.5, image[:, :, 0] > 128)


def test_both_are_shown_side_by_side(tmp_path):
    with Deel(seed=1):
        first, second, images = pooled(), Teacher(Module(), labels=LABELS, **PIXELS), eights(3)
        maps = first.explain(images)
        shown = maps.images
        assert shown.shape == (3, 3, 8, 8)
        assert (shown >= 0).all()
        assert (shown <= 255).all()
        # Where the map is 0, the image is as it was.
        still = maps.value == 0
        np.testing.assert_allclose(shown.transpose(0, 2, 3, 1)[still], images[still], atol=0.51)
        Show(maps, second.explain(images), save=tmp_path / "maps.png")
        assert maps._repr_html_().count("<img") == 3
    with Image.open(tmp_path / "maps.png") as picture:
        assert picture.width > picture.height


def trained(looks, folder):
    """The weights after an epoch, in which each batch is looked at first, or is not."""
    with Deel(seed=2):
        InputBatch(str(folder / "train.txt"), batch_size=4, crop=1, mirror=False)
        score = Layer("score", "InnerProduct", num_output=4)
        net = Network([ROWS[0], Layer("bn", "BatchNorm"), *ROWS[1:3], score], in_size=8)

        def workout(x, t):
            if looks:
                assert net.explain(x, label=0).shape == (4, 8, 8)
            net.classify(x)
            return net.backprop(t)

        BatchTrain(workout, epochs=1)
        return net.engine.state(net.module)


def test_a_workout_may_look_and_learns_the_same(tmp_path):
    write_set(tmp_path, "train", 8)
    first, second = trained(True, tmp_path), trained(False, tmp_path)
    for layer, blobs in first.items():
        for name, values in blobs.items():
            np.testing.assert_array_equal(values, second[layer][name])


REFUSED = {
    "another class": (DataError, "is no class of it; give one of its 3 classes", {"label": "cow"}),
    "a number beyond": (DataError, "classes are 0 to 2", {"label": 3}),
    "a bool": (DataError, "classes are 0 to 2", {"label": True}),
    "another layer": (PlanError, "has no layer 'convv'", {"layer": "convv"}),
    "no maps": (PlanError, r"layer 'score' makes \(4, 3\), where maps", {"layer": "score"}),
    "one position": (PlanError, "of several positions are needed", {"layer": "pool"}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_explained_is_refused(name):
    error, words, arguments = REFUSED[name]
    with Deel(seed=1):
        net = pooled()
        refused(error, words, lambda: net.explain(eights(4), **arguments))


def test_models_without_gradients_or_places_are_refused(tmp_path):
    images = eights(2)
    with Deel(seed=1):
        net = pooled()
        flat = Network([ROWS[3]], in_size=8, labels=LABELS)
        refused(PlanError, "no layer makes maps of several positions", lambda: flat.explain(images))
        for teacher in (Ensemble(net, pooled()), Average(net)):
            refused(TrainingError, "give one of its networks", lambda t=teacher: t.explain(images))
        function = Teacher(lambda x: x.mean((2, 3)), labels=LABELS, **PIXELS)
        refused(TrainingError, "a function has no gradients", lambda: function.explain(images))
        whole = Network(ROWS[:1], in_size=8)
        refused(PlanError, "has no classes, one of which", lambda: whole.explain(images))
        series = classifier(SequenceFormat("numbers", 2))
        refused(DataError, "shows places of images", lambda: series.explain(np.ones((3, 2))))
    with Deel(seed=1, engine="numpy"):
        net = pooled()
        refused(EngineError, "the engine 'numpy' has no gradients", lambda: net.explain(images))


def test_a_network_of_a_teacher_explains_itself():
    with Deel(seed=1):
        net, images = pooled(), eights(2)
        np.testing.assert_array_equal(Teacher(net).explain(images).value, net.explain(images).value)
