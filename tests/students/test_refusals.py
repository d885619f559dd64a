"""What cannot be a student, or be done with one, is refused in one sentence with its cure."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import once, small
from one_sentence import refused
from small_modules import PIXELS, Small, photographs, seeded, student
from torch import nn

from deelish import BatchTrain, Student, Teacher
from deelish.errors import DataError, PlanError, TrainingError


class Making(nn.Module):
    """A linear module whose logits become what a function makes of them."""

    def __init__(self, make):
        super().__init__()
        self.linear = nn.Linear(192, 4)
        self.make = make

    def forward(self, x):
        return self.make(self.linear(x.flatten(1)))


class Bare(nn.Module):
    """Forgets to call its parent."""

    def __init__(self):
        self.width = 4


class Writing(nn.Module):
    """Writes over its input."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(192, 4)

    def forward(self, x):
        return self.linear(x.mul_(2).flatten(1))


def made(source, **options):
    return Student(source, **{**PIXELS, **options})


def frozen():
    return seeded().requires_grad_(False)


PAIR = Making(lambda y: (y, 2 * y))
NAMED = Making(lambda y: {"first": y, "second": 2 * y})
SHAPES = r"where logits \(2, classes\) are needed; give the torch module with its classifier"


@pytest.mark.parametrize(
    ("source", "options", "error"),
    [
        (PAIR, {}, r"Making: returned a tuple of 2 .* say which part it is with output=0"),
        (PAIR, {"output": 5}, r"in which output=5 is no array; give the index or the key"),
        (PAIR, {"output": "logits"}, r"in which output='logits' is no array"),
        (NAMED, {}, r"returned a dict of first, second, .* with output='first'"),
        (NAMED, {"output": "third"}, r"in which output='third' is no array"),
        (Making(lambda y: None), {}, r"returned NoneType, .*; let its forward\(\) return them"),
        (Making(lambda y: y[:, 0]), {}, rf"for 2 images is \(2,\), {SHAPES}"),
        (Making(lambda y: y[:, :, None, None].expand(-1, -1, 3, 3)), {}, SHAPES),
        (Making(lambda y: y * torch.nan), {}, r"logits for a grey image are not finite; look at"),
        (Making(lambda y: y.softmax(1)), {}, r"output is probabilities, .* take the softmax out"),
        (Writing(), {}, r"Writing: its forward\(\) writes over the images .*; let it work on a co"),
        (frozen(), {}, r"Small: has no weight with requires_grad, .*; set it for those that"),
        (nn.Flatten(), {}, r"Flatten: has no weight with requires_grad"),
        (seeded().to("meta"), {}, r"conv1.weight is on the device meta, .*; make the module on"),
        (seeded().half(), {}, r"conv1.weight is float16, .* float32; give module.float\(\)"),
        (seeded().bfloat16(), {}, r"conv1.weight is bfloat16, .*; give module.float\(\)"),
        (seeded().double(), {}, r"conv1.weight is float64, .*; give module.float\(\)"),
        (Bare(), {}, r"Bare: its __init__ has not called super\(\).__init__\(\); add that"),
        (Small, {}, r"Student\(Small\): is a class; give an object, Small\(...\)"),
        (nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), {}, r"1.weight, 1.bias has no shape yet;"),
        (nn.DataParallel(seeded()), {}, r"DataParallel: is around another module; give that, mod"),
        (Making(lambda y: y), {"size": 9}, r"fails on 2 images of 3 x 9 x 9 .*; give the size= an"),
        (seeded(), {"order": "L"}, r"fails on 2 images of 1 x 8 x 8 .* 3 channels, .*; give the"),
        ([seeded()], {}, r"Student\(list\): takes a torch.nn.Module, a chainer.Link, or the name"),
    ],
)
def test_a_module_that_cannot_learn(session, source, options, error):
    refused(TrainingError, error, lambda: made(source, **options))


def test_a_part_of_its_output_is_chosen_by_index_or_key(session):
    for source, output in ((PAIR, 1), (PAIR, -1), (NAMED, "second")):
        logits = made(source, output=output).classify(list(photographs())).value
        first = made(source, output=0 if source is PAIR else "first")
        np.testing.assert_allclose(logits, 2 * first.classify(list(photographs())).value, rtol=1e-5)


def test_a_module_on_another_device(session, monkeypatch):
    """Without a GPU no weight can be there; its state says that one is."""

    class There(torch.Tensor):
        @property
        def device(self):
            return torch.device("cuda", 2)

    module = seeded()
    state = dict(module.state_dict(keep_vars=True))
    state["conv1.weight"] = state["conv1.weight"].detach().as_subclass(There)
    monkeypatch.setattr(module, "state_dict", lambda **_: state)
    error = r"conv1.weight is on cuda:2, and this session on cpu; give Deel\(gpu=2\), or move it"
    refused(TrainingError, error, lambda: made(module))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*torch.jit.*")
def test_a_scripted_and_a_compiled_module(session):
    scripted = torch.jit.trace(seeded().eval(), torch.zeros(2, 3, 8, 8))
    refused(TrainingError, "is scripted; give the module that it was made", lambda: made(scripted))
    compiled = torch.compile(seeded())
    refused(TrainingError, "is compiled; give the module that it was made", lambda: made(compiled))


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (
            "resnet18",
            r"write 'timm/resnet18', 'torchvision/resnet18' or 'efficientnet/lite0', or give",
        ),
        ("", r"names no library"),
        ("keras/resnet50", r"names no library"),
        ("x.onnx", r"is a file; its weights do not learn, and Teacher\('x.onnx'\) lets it teach"),
        (Path("x.safetensors"), r"is a file; open it with Student.load\('x.safetensors'\)"),
        ("x.hdf5", r"is a file; open it with Network.load\('x.hdf5'\)"),
        ("x.caffemodel", r"is a file; open it with CaffeNet\('x.caffemodel'\)"),
        ("x.pth", r"is a file; load its weights into the module, module.load_state_dict"),
    ],
)
def test_a_text_that_names_no_model(session, source, error):
    refused(TrainingError, error, lambda: Student(source))


def test_what_is_a_student_or_a_teacher_already(session):
    network, teacher = small(), Teacher(seeded(), name="Taught", **PIXELS)
    already = r"is a student already; train it as it is"
    refused(TrainingError, rf"Student\(Network\): Small {already}", lambda: Student(network))
    refused(TrainingError, rf"Student\(Student\): Small {already}", lambda: Student(student()))
    error = r"Student\(Teacher\): Taught teaches only; give the module that it was made from"
    refused(TrainingError, error, lambda: Student(teacher))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"pretrained": True}, r"pretrained=...\): is for a model by name; leave it out, or give"),
        ({"arguments": {"a": 1}}, r"arguments=...\): is for a model by name; leave it out"),
        ({"arguments": [1]}, r"Student\(arguments=\[1\]\): give a dict"),
        ({"output": 1.5}, r"Student\(output=1.5\): give an index or a key"),
        ({"output": True}, r"Student\(output=True\): give an index or a key"),
        ({"name": 3}, r"Student\(name=3\): give a text"),
        ({"labels": 0}, r"labels=0: give a count of at least one class"),
        ({"size": None}, r"Student Small: the torch module does not give the size .* pass size=22"),
        ({"size": "8"}, r"size is '8'; give whole pixels"),
        ({"preprocessing": "imagenet"}, r"lacks the mean, .* give weights.transforms\(\), or siz"),
        ({"mean": 0.4}, r"Student Small: mean is \(0.4,\), which is that of pixels from 0 to 1"),
    ],
)
def test_an_option_that_cannot_be(session, options, error):
    refused(DataError, error, lambda: made(seeded(), **options))


@pytest.mark.parametrize(
    ("kind", "head", "error"),
    [
        (PlanError, "fc", r"has no layer 'fc'; the nearest are "),
        (PlanError, 3, r"has no layer '3'"),
        (TrainingError, "norm", r"'norm' is a BatchNorm2d, and only a linear layer or a convoluti"),
        (TrainingError, "conv1", r"fails after its layer conv1 was replaced .* with head="),
    ],
)
def test_a_head_that_is_none(session, kind, head, error):
    refused(kind, error, lambda: made(seeded(), labels=7, head=head))


def test_labels_of_another_count_without_a_layer_to_replace(session):
    module = Making(lambda y: torch.cat([y, y], 1))
    error = r"no linear layer or convolution makes its 8 logits, .* by one of 3; name it with head="
    refused(TrainingError, error, lambda: made(module, labels=3))
    error = r"gives 6 logits after linear was replaced by a layer of 3 outputs; name the layers"
    refused(TrainingError, error, lambda: made(module, labels=3, head="linear"))


def test_a_layer_that_is_not_there(session):
    x, net = list(photographs()), student()
    for call in (
        lambda: net.feature(x, layer="conv"),
        lambda: net.layerDim("conv"),
        lambda: Teacher(net).feature(x, layer="conv"),
    ):
        refused(PlanError, r"Small: has no layer 'conv'; the nearest are conv[12], conv[12]", call)
    refused(PlanError, r"layer 3 is no name; give a text", lambda: net.feature(x, layer=3))


@pytest.mark.parametrize("hint", [("conv", "conv1"), ("conv1", "conv")])
def test_a_hint_that_names_no_layer(sets, hint):
    teacher, net = student(1), student()

    def workout(x, t):
        net.classify(x)
        return net.backprop(t, distill=teacher.batch_feature(x), hint=hint)

    refused(PlanError, r"has no layer 'conv'; the nearest are conv[12]", lambda: once(workout))


def test_a_layer_that_makes_no_tensor_or_does_not_run(session):
    module = nn.ModuleDict({"used": nn.Linear(192, 4), "unused": nn.Linear(2, 2)})
    module.forward = lambda x: module["used"](x.flatten(1))
    net = made(module)
    error = r"layer 'unused' does not run; choose another"
    refused(TrainingError, error, lambda: net.feature(list(photographs()), layer="unused"))
    error = r"layer 'unused' makes no tensor of its own; name another"
    refused(PlanError, error, lambda: net.layerDim("unused"))


def test_logits_whose_number_changes_from_batch_to_batch(session):
    net = made(Making(lambda y: y[:, : len(y)]))
    error = r"gives 3 logits an image for 3 images, and gave 2 for two; let their number be"
    refused(TrainingError, error, lambda: net.classify(list(photographs(3))))


def test_a_forward_that_fails_in_a_later_batch(session):
    net = made(Making(lambda y: y if len(y) == 2 else y.reshape(7, 7)))
    error = r"its forward\(\) fails on 3 images of 3 x 8 x 8 \(RuntimeError: .*or correct it"
    refused(TrainingError, error, lambda: net.classify(list(photographs(3))))


def test_a_loss_that_is_not_finite_leaves_the_weights(session, sets):
    net = student()
    before = net.record().arrays

    def workout(x, t):
        net.classify(x)
        taught = np.zeros((len(x), 4)) - 1
        return net.backprop(t, distill=taught, loss=lambda s, _: s.sum() * torch.nan)

    refused(TrainingError, r"the loss is (inf|nan) at epoch 1/1, batch 1", lambda: once(workout))
    after = net.record().arrays
    for name, _ in net.module.module.named_parameters():
        assert np.array_equal(after[name], before[name])


def test_a_loss_without_gradients(sets):
    cut, net = made(Making(lambda y: y.detach())), student()
    error = r"the loss depends on no weight, .* take detach\(\), no_grad\(\) and numpy\(\) out"
    refused(TrainingError, error, lambda: once(lambda x, t: (cut.classify(x), cut.backprop(t))[1]))
    with torch.no_grad():
        lesson = lambda x, t: (net.classify(x), net.backprop(t))[1]  # noqa: E731
        refused(TrainingError, error, lambda: once(lesson))


def test_two_students_of_one_module_in_one_training(sets):
    module = seeded()
    first, second = made(module, name="First"), made(module, name="Second")

    def both(x, t):
        for net in (first, second):
            net.classify(x)
            outcome = net.backprop(t)
        return outcome

    error = r"Second: shares trainable weights with First, .* Student\(copy.deepcopy\(module\)\)"
    refused(TrainingError, error, lambda: once(both))
    second = made(copy.deepcopy(module), name="Second")
    assert len(once(both)) == 1


@pytest.mark.parametrize("teacher", [Teacher, Student])
def test_a_teacher_of_the_students_own_module(sets, teacher):
    module = seeded()
    net, other = made(module), teacher(module, name="Other", **PIXELS)

    def workout(x, t):
        net.classify(x)
        return net.backprop(t, distill=other.batch_feature(x))

    error = r"the teacher Other shares trainable weights with its student, .*; make it from a copy"
    refused(TrainingError, error, lambda: once(workout))


def test_two_students_may_share_a_frozen_part(sets):
    body = nn.Sequential(nn.Flatten(), nn.Linear(192, 8)).requires_grad_(False)
    nets = [made(nn.Sequential(body, nn.Linear(8, 4)), name=name) for name in ("A", "B")]

    def workout(x, t):
        for net in nets:
            net.classify(x)
            outcome = net.backprop(t)
        return outcome

    assert len(once(workout)) == 1


def test_methods_of_a_torch_module_are_where_the_message_says(session):
    net = student()
    with pytest.raises(AttributeError, match=r"Student has no 'state_dict'; .* is module.module"):
        _ = net.state_dict
    assert "conv1.weight" in net.module.module.state_dict()


def test_labels_outside_of_its_classes(sets):
    net = student(classes=2)

    def workout(x, t):
        net.classify(x)
        return net.backprop(t)

    refused(DataError, r"label \d, but Small has 2 outputs", lambda: BatchTrain(workout, epochs=1))
